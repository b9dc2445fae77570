// Passkeys: a form asks the browser's own dialog and posts what it answers. Loaded after kith.js, whose helpers it uses.
// Where the browser has no passkeys, what is about them stays hidden.
const unpacked = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), letter => letter.charCodeAt(0));
const packed = buffer => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const named = listed => listed?.map(each => ({ ...each, id: unpacked(each.id) }));

// What the page or the site wants to know, with bytes where the browser wants bytes.
async function wanted(form) {
  if (form.dataset.wanted) return JSON.parse(form.dataset.wanted);
  const answer = await fetch(form.dataset.ask, { method: 'POST', body: new FormData(form) });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function answered(form) {
  const publicKey = await wanted(form);
  publicKey.challenge = unpacked(publicKey.challenge);
  const { user } = publicKey;
  if (user) {
    user.id = unpacked(user.id);
    publicKey.excludeCredentials = named(publicKey.excludeCredentials);
  } else publicKey.allowCredentials = named(publicKey.allowCredentials);
  const { id, rawId, type, response } = await navigator.credentials[user ? 'create' : 'get']({ publicKey });
  const said = { transports: response.getTransports?.() };
  for (const part of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (response[part]) said[part] = packed(response[part]);
  }
  return JSON.stringify({ id, rawId: packed(rawId), type, response: said });
}

if (window.PublicKeyCredential) {
  all('[data-no-passkeys]').forEach(part => { part.hidden = true; });
  all('[data-passkeys]').forEach(part => { part.hidden = false; });
}
all('form[data-passkeys]').forEach(form => form.addEventListener('submit', async event => {
  event.preventDefault();
  const pressed = one('button', form);
  all('.error', form).forEach(part => { part.hidden = true; });
  pressed.disabled = true;
  try {
    form.elements.answer.value = await answered(form);
    form.submit();
  } catch (error) {
    one(error.name === 'InvalidStateError' ? '[data-there]' : '[data-failed]', form).hidden = false;
    pressed.disabled = false;
    pressed.focus();
  }
}));
