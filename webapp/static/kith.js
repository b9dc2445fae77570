// What makes pages smoother. Every page works without it, and nothing here talks to the network: htmx does.
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// Dialogs: a link with hx-get and hx-target="#dialogs" brings a <dialog>; it opens by itself and gives the focus back when it closes.
let opener = null;
function settle(root = document) {
  all('[data-mixed]', root).forEach(box => { box.indeterminate = true; });
  all('#dialogs dialog:not([open])').forEach(dialog => {
    dialog.showModal();
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (opener?.isConnected) opener.focus();
    });
  });
}

document.addEventListener('click', event => {
  const link = event.target.closest('[hx-target="#dialogs"]');
  if (link) {
    const menu = link.closest('[popover]');
    opener = menu ? one(`[popovertarget="${menu.id}"]`) : link;
    menu?.hidePopover();
  }
  const closer = event.target.closest('[data-close]');
  if (closer?.closest('dialog')) {
    event.preventDefault();
    closer.closest('dialog').close();
  }
  event.target.closest('[data-dismiss]')?.closest('.toast')?.remove();
  const reveal = event.target.closest('.reveal button');
  if (reveal) {
    const field = document.getElementById(reveal.getAttribute('aria-controls'));
    const show = field.type === 'password';
    field.type = show ? 'text' : 'password';
    reveal.setAttribute('aria-pressed', show);
    reveal.firstChild.data = show ? reveal.dataset.hide : reveal.dataset.show;
  }
  if (event.target.closest('[data-theme-toggle]')) {
    const page = document.documentElement;
    const dark = page.dataset.theme ? page.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    page.dataset.theme = dark ? 'light' : 'dark';
    document.cookie = `theme=${page.dataset.theme};path=/;max-age=31536000;samesite=lax`;
  }
});

// Keyboard: "/" goes to the search, arrows move inside an open menu.
document.addEventListener('keydown', event => {
  if (event.key === '/' && !event.target.closest('input,textarea,select')) {
    const field = all('[role=search] input').find(input => input.offsetParent);
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
  const opened = document.activeElement?.popoverTargetElement;
  if (event.key === 'ArrowDown' && opened?.matches(':popover-open')) {
    event.preventDefault();
    one('a,button', opened)?.focus();
    return;
  }
  const menu = event.target.closest('[popover].menu');
  if (!menu || !['ArrowDown', 'ArrowUp', 'Home', 'End'].includes(event.key)) return;
  event.preventDefault();
  const items = all('a,button', menu);
  const next = items.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
  items.at(event.key === 'Home' ? 0 : event.key === 'End' ? -1 : next % items.length).focus();
});

// After a swap: focus is never lost, and what the server could not do is said.
document.addEventListener('htmx:after:swap', () => settle());
document.addEventListener('htmx:before:request', () => all('#dialogs form').forEach(form => form.setAttribute('aria-busy', 'true')));
document.addEventListener('htmx:finally:request', event => {
  const status = event.detail?.ctx?.response?.status;
  if (status < 400) all('#dialogs dialog[open] form[aria-busy]').forEach(form => form.closest('dialog').close());
  all('#dialogs form[aria-busy]').forEach(form => form.removeAttribute('aria-busy'));
  setTimeout(() => {
    if (document.activeElement === document.body) (one('[data-focus]') || one('#main'))?.focus();
  });
});
for (const name of ['htmx:response:error', 'htmx:error']) {
  document.addEventListener(name, event => {
    const status = event.detail?.ctx?.response?.status ?? 0;
    const words = one('#trouble');
    if (status && status < 500 || !words) return;
    one('#toasts').append(words.content.cloneNode(true));
  });
}

// A toast stays for twelve seconds, and as long as it is looked at.
setInterval(() => all('.toast').forEach(toast => {
  toast.age = toast.matches(':hover,:focus-within') ? 0 : (toast.age || 0) + 1;
  if (toast.age > 12) toast.remove();
}), 1000);

settle();
if (matchMedia('(width < 68rem)').matches) all('details.preview').forEach(part => { part.open = false; });
one('#errors')?.focus();
