// Making a passkey needs a script: the browser makes it, and the form carries what it tells of it.
async function make(form) {
  const reply = await fetch("/v1/identity/me/passkeys/challenges", { method: "POST" });
  if (reply.status === 401) {
    location.assign(form.dataset.proof); // prove first who you are
    return;
  }
  const { challenge, options } = await reply.json();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options.publicKey ?? options);
  const credential = await navigator.credentials.create({ publicKey });
  form.elements.challenge.value = challenge;
  form.elements.credential.value = JSON.stringify(credential.toJSON());
  form.submit();
}

const form = document.querySelector("form[data-new-passkey]");
if (form && window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await make(form);
    } catch {
      button.disabled = false; // dismissed, or timed out: the button is there to try again
    }
  });
}
