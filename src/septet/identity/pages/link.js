// What is secret in a link stands behind its `#`, which a browser sends to no server. The form carries it on: opening
// the page uses nothing up, pressing its button does.
const form = document.querySelector("form[data-link]");
const secret = decodeURIComponent(location.hash.slice(1));
if (secret) {
  history.replaceState(null, "", location.pathname);
  form.elements.secret.value = secret;
}
form.hidden = !form.elements.secret.value;
document.querySelector("[data-without]").hidden = !form.hidden;
