// A conversation: its end stays in sight unless its reader went up; what is sent stands there at once, paler, until it has arrived.
// Loaded after kith.js, whose helpers it uses.
const lines = one('[data-end]');
const ends = () => lines.scrollHeight - lines.scrollTop - lines.clientHeight < 90;
const toEnd = () => { lines.scrollTop = lines.scrollHeight; one('[data-newer]').hidden = true; };
if (lines) {
  let atEnd = true;
  const last = one('#last');
  let sending = null;
  toEnd();
  lines.addEventListener('scroll', () => { atEnd = ends(); if (atEnd) toEnd(); });
  one('[data-newer]').addEventListener('click', toEnd);
  new MutationObserver(() => {
    const met = new Set();
    all('li[id]', lines).forEach(line => { if (met.has(line.id)) line.remove(); met.add(line.id); });
    if (atEnd) toEnd();
    else one('[data-newer]').hidden = false;
  }).observe(lines, { childList: true });
  document.addEventListener('htmx:before:request', event => {
    const form = event.target.closest?.('[data-send]');
    if (!form || sending) return;
    const box = one('textarea', form);
    sending = document.createElement('li');
    sending.className = 'mine sending';
    sending.textContent = box.value;
    atEnd = true;
    last.before(sending);
    box.value = '';
  });
  document.addEventListener('htmx:finally:request', event => {
    const form = event.target.closest?.('[data-send]');
    if (!form || !sending) return;
    if (!event.detail.ctx.response || event.detail.ctx.response.status >= 400) {
      one('textarea', form).value ||= sending.textContent;
      last.replaceChildren(one('#not-sent').content.cloneNode(true));
    }
    sending.remove();
    sending = null;
    one('textarea', form).focus();
  });
}

// Enter sends where there is a keyboard; with Shift, and on a touch screen, it begins a new line.
document.addEventListener('keydown', event => {
  const box = event.target;
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || !box.matches('[data-enter]') || !matchMedia('(hover: hover)').matches) return;
  event.preventDefault();
  box.form.requestSubmit();
});
