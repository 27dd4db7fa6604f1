// Passkeys are the one part of signing in that needs a script: the browser makes one, or signs a challenge by one, and
// the form carries what it gave.
async function begun(address, onRefused) {
  const reply = await fetch(address, { method: "POST" });
  if (reply.status === 401 && onRefused) {
    location.assign(onRefused); // prove first who you are
    return new Promise(() => {});
  }
  if (!reply.ok) {
    throw new Error((await reply.json()).detail);
  }
  return reply.json();
}

async function sign(form) {
  const { challenge, options } = form.dataset.passkey
    ? { options: JSON.parse(form.dataset.passkey) }
    : await begun(form.dataset.challenges ?? "/v1/identity/passkey-challenges");
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey ?? options);
  return { challenge, credential: await navigator.credentials.get({ publicKey }) };
}

async function make(form) {
  const { challenge, options } = await begun("/v1/identity/me/passkeys/challenges", form.dataset.proof);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey ?? options);
  return { challenge, credential: await navigator.credentials.create({ publicKey }) };
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form[data-passkey], form[data-new-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      try {
        const { challenge, credential } = await ("newPasskey" in form.dataset ? make(form) : sign(form));
        if (challenge) {
          form.elements.challenge.value = challenge;
        }
        (form.elements.credential ?? form.elements.passkey).value = JSON.stringify(credential.toJSON());
        form.submit();
      } catch {
        button.disabled = false; // dismissed, or timed out: the button is there to try again
      }
    });
  }
}
