// Passkeys are the one part of signing in that needs a script: the browser signs a challenge, and the form carries it.
async function challengeOf(form) {
  if (form.dataset.passkey) {
    return { options: JSON.parse(form.dataset.passkey) };
  }
  const reply = await fetch(form.dataset.challenges ?? "/v1/identity/passkey-challenges", { method: "POST" });
  if (!reply.ok) {
    throw new Error((await reply.json()).detail);
  }
  return reply.json();
}

async function sign(form) {
  const { challenge, options } = await challengeOf(form);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.publicKey ?? options);
  const credential = await navigator.credentials.get({ publicKey });
  if (challenge) {
    form.elements.challenge.value = challenge;
  }
  (form.elements.credential ?? form.elements.passkey).value = JSON.stringify(credential.toJSON());
  form.submit();
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      try {
        await sign(form);
      } catch {
        button.disabled = false; // dismissed, or timed out: the button is there to try again
      }
    });
  }
}
