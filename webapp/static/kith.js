// What makes pages smoother. Every page works without it; nothing here talks to the network: htmx does.
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// What opened the dialog, and where in which list something was last pressed.
let opener = null;
let trail = null;

// What just arrived: half-ticked boxes, dialogs to open.
function settle() {
  all('[data-mixed]').forEach(box => { box.indeterminate = true; });
  all('#dialogs dialog:not([open])').forEach(dialog => {
    dialog.showModal();
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
      else rescue();
    });
  });
}

// Focus that fell to the body goes to the same control of the next row, else to the heading of the list, else to the page.
function rescue() {
  const places = [];
  if (trail?.list.isConnected) {
    const row = trail.list.children[trail.place] ?? trail.list.lastElementChild ?? trail.list;
    const controls = all('a, button', row);
    places.push(controls[trail.control], ...controls, one('[data-focus]', trail.list.closest('section') ?? document));
  }
  for (const place of [...places, one('[data-focus]'), one('#main')]) {
    if (document.activeElement !== document.body) return;
    place?.focus({ preventScroll: place.tabIndex < 0 });
  }
}

const button = menu => one(`[popovertarget="${menu.id}"]`);

// Say what no answer says, where it can be heard: a dialog silences what is around it.
function say(words) {
  const place = one('dialog[open]') ?? one('#toasts');
  one('.toast[role]', place)?.remove();
  place.append(one(words).content.cloneNode(true));
}

document.addEventListener('click', event => {
  const pressed = event.target.closest('a, button');
  if (!pressed) return;
  const menu = pressed.closest('.menu[popover]');
  menu?.hidePopover();
  if (pressed.matches('[hx-target="#dialogs"], .menu [hx-get]')) opener = menu ? button(menu) : pressed;
  if (pressed.matches('dialog [data-close]')) {
    event.preventDefault();
    pressed.closest('dialog').close();
  }
  if (pressed.matches('[data-dismiss]')) {
    pressed.closest('.toast').remove();
    rescue();
  }
  if (pressed.matches('.reveal button')) {
    const field = document.getElementById(pressed.getAttribute('aria-controls'));
    const show = field.type === 'password';
    field.type = show ? 'text' : 'password';
    pressed.setAttribute('aria-pressed', show);
    pressed.firstChild.data = show ? pressed.dataset.hide : pressed.dataset.show;
  }
  if (pressed.matches('[data-theme-toggle]')) {
    const page = document.documentElement;
    const dark = (page.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
    page.dataset.theme = dark ? 'light' : 'dark';
    document.cookie = pressed.dataset.themeToggle.replace('%', page.dataset.theme);
  }
});

// "/" goes to the search, arrows move inside an open menu.
document.addEventListener('keydown', event => {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key === '/' && plain && !event.target.closest('input, textarea, select')) {
    const field = all('[role=search] input').find(input => input.offsetParent);
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
  const opened = document.activeElement.popoverTargetElement;
  if (event.key === 'ArrowDown' && opened?.matches(':popover-open')) {
    event.preventDefault();
    one('a, button', opened).focus();
    return;
  }
  const menu = event.target.closest('.menu[popover]');
  if (!menu || !['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key)) return;
  event.preventDefault();
  const items = all('a, button', menu);
  const next = items.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
  items.at(event.key === 'Home' ? 0 : event.key === 'End' ? -1 : next % items.length).focus();
});

// A request: remember where it came from; then put the dialog away and the focus somewhere sensible.
document.addEventListener('htmx:before:request', event => {
  const { ctx } = event.detail;
  const dialog = event.target.closest?.('dialog');
  const menu = event.target.closest?.('.menu[popover]');
  const pressed = dialog ? opener : menu ? button(menu) : ctx.request.submitter ?? event.target;
  if (ctx.sourceEvent?.isTrusted) { // not what asks by itself, every few seconds
    const row = pressed?.closest?.('li');
    trail = row && {
      list: row.parentElement,
      place: [...row.parentElement.children].indexOf(row),
      control: all('a, button', row).indexOf(pressed),
    };
  }
  ctx.kith = {
    held: document.activeElement !== document.body,
    dialog,
    ends: !dialog?.contains(ctx.target),
    list: ctx.target?.matches?.('.list') ? ctx.target : null,
  };
  ctx.kith.list?.setAttribute('aria-busy', 'true');
});
document.addEventListener('htmx:after:swap', settle);
document.addEventListener('htmx:response:error', event => {
  const { response: { status }, sourceElement } = event.detail.ctx;
  if (status >= 500) say('#trouble');
  if (status === 404) delete sourceElement.dataset.look; // what is gone is not asked for again
});
document.addEventListener('htmx:error', event => {
  if (event.detail.ctx && !event.detail.ctx.response) say('#offline');
});
document.addEventListener('htmx:finally:request', event => {
  const { kith, response } = event.detail.ctx;
  if (!kith) return;
  kith.list?.setAttribute('aria-busy', 'false');
  const refused = response?.status >= 400;
  const shown = response?.status === 422 || response?.status >= 500;
  if (response && !shown && (kith.ends || refused) && kith.dialog?.isConnected) kith.dialog.close();
  if (kith.held) setTimeout(rescue);
});

// What looks for news by itself: only what is seen, on a page that is seen; less often once nobody has moved for a minute.
let moved = Date.now();
let second = 0;
for (const kind of ['pointermove', 'keydown', 'scroll']) {
  addEventListener(kind, () => { moved = Date.now(); }, { passive: true, capture: true });
}
function look(now) {
  if (document.hidden) return;
  const idle = Date.now() - moved > 60000;
  all('[data-look]').forEach(part => {
    const every = (idle && part.dataset.idle) || part.dataset.look;
    if (!part.offsetParent || !(now || second % every === 0)) return;
    part.dispatchEvent(new Event('look'));
    if ('once' in part.dataset) delete part.dataset.look;
  });
}
setInterval(() => { second += 1; look(); }, 1000);
document.addEventListener('visibilitychange', () => look(true));

// A toast stays 12 seconds, or as long as its undo works; longer while looked at, or the page is not.
setInterval(() => all('#toasts .toast').forEach(toast => {
  toast.age = toast.matches(':hover, :focus-within') || document.hidden ? 0 : (toast.age ?? 0) + 1;
  if (toast.age > (one('form', toast) ? one('#toasts').dataset.undo : 12)) toast.remove();
}), 1000);

settle();
if (matchMedia('(width < 68rem)').matches) all('details.preview').forEach(part => { part.open = false; });
one('#errors')?.focus();
