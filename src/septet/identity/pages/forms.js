// The pages that links in mails, and the line printed at first start, lead to. What is secret stands behind the `#`,
// which a browser sends to no server; opening a page uses nothing up, pressing its button does.
const secret = decodeURIComponent(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

const [id, token] = secret.split(".");

const forms = {
  verify: {
    call: (fields) => send("POST", "/v1/identity/verifications", { verification_id: id, token, ...fields }),
    done: "Your address is confirmed. You can sign in now.",
  },
  reset: {
    call: (fields) => send("PUT", `/v1/identity/password-resets/${encodeURIComponent(id)}`, { token, ...fields }),
    done: "Your password is set. You can sign in with it now.",
  },
  "first-administrator": {
    call: (fields) => send("POST", "/v1/identity/administrators/first", { token: secret, ...fields }),
    done: "You are the administrator. You can sign in now.",
  },
};

async function send(method, path, body) {
  const reply = await fetch(path, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const given = reply.status === 204 ? {} : await reply.json();
  if (!reply.ok) {
    throw new Error(given.detail ?? "That did not work.");
  }
  if (given.access_token) {
    await signOut(given.access_token);
  }
}

// This page keeps no session: whoever wants one signs in where they meant to.
async function signOut(token) {
  await fetch("/v1/identity/sessions/current", { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
}

const form = document.querySelector("form[data-form]");
const { call, done } = forms[form.dataset.form];
const button = form.querySelector("button");
const outcome = form.querySelector(".outcome");

function tell(state, text) {
  outcome.dataset.state = state;
  outcome.textContent = text;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  tell("", "");
  try {
    await call(Object.fromEntries(new FormData(form)));
    form.reset();
    tell("done", done);
  } catch (error) {
    button.disabled = false;
    tell("refused", error.message);
  }
});

if (!secret) {
  button.disabled = true;
  tell("refused", "This page is opened by a link. Copy the whole of it.");
}
