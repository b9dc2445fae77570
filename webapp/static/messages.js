// A conversation: its end stays in sight unless its reader went up; what is sent stands there at once, paler, until it has arrived.
// Loaded after kith.js, whose helpers it uses.
const lines = one('[data-end]');
const ends = () => lines.scrollHeight - lines.scrollTop - lines.clientHeight < 90;
const toEnd = () => { lines.scrollTop = lines.scrollHeight; one('[data-newer]').hidden = true; };
if (lines) {
  let atEnd = true;
  const last = one('#last');
  let failed = '';
  toEnd();
  lines.addEventListener('scroll', () => { atEnd = ends(); if (atEnd) toEnd(); });
  one('[data-newer]').addEventListener('click', toEnd);
  new MutationObserver(() => {
    const met = new Set();
    all('li[id]', lines).forEach(line => { if (met.has(line.id)) line.remove(); met.add(line.id); });
    if (atEnd) toEnd();
    else one('[data-newer]').hidden = false;
  }).observe(lines, { childList: true });
  // Each sending has a key of its own: what is typed while another is on its way is another message. One that failed keeps its key.
  document.addEventListener('htmx:config:request', event => {
    const form = event.target.closest?.('[data-send]');
    if (!form) return;
    const box = one('textarea', form);
    const client = one('#talk-client');
    const line = document.createElement('li');
    line.className = 'mine sending';
    line.textContent = box.value;
    event.detail.ctx.sent = { line, client: client.value };
    client.value = crypto.getRandomValues(new Uint32Array(3)).join();
    atEnd = true;
    last.before(line);
    box.value = failed = '';
    box.focus();
  });
  document.addEventListener('htmx:finally:request', event => {
    const { sent, response } = event.detail.ctx;
    if (!sent) return;
    if (!response || response.status >= 400) { // back before what was typed since, in the order of sending
      const box = one('textarea', one('[data-send]'));
      const since = box.value.slice(failed.length).trimStart();
      if (!box.value) one('#talk-client').value = sent.client;
      failed = [failed, sent.line.textContent].filter(Boolean).join('\n');
      box.value = [failed, since].filter(Boolean).join('\n');
      last.replaceChildren(one('#not-sent').content.cloneNode(true));
    }
    sent.line.remove();
    last.before(...all('.sending', lines));
  });
}

// Enter sends where there is a keyboard; with Shift, and on a touch screen, it begins a new line.
document.addEventListener('keydown', event => {
  const box = event.target;
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || !box.matches('[data-enter]') || !matchMedia('(hover: hover)').matches) return;
  event.preventDefault();
  box.form.requestSubmit();
});
