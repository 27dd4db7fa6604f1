// Asks whether this server is ready, and shows it.
const status = document.getElementById("status");
const text = document.getElementById("status-text");

async function look() {
  try {
    const reply = await fetch("/health/ready", { cache: "no-store" });
    status.dataset.state = reply.ok ? "ready" : "failing";
    text.textContent = reply.ok ? "Ready" : "Not ready";
  } catch {
    status.dataset.state = "failing";
    text.textContent = "Not reachable";
  }
}

look();
setInterval(look, 10000);
