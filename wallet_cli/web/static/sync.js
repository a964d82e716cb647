// Tells how far the sync is, and draws the page anew when it is through.
const sync = document.getElementById("sync");
const LOOK_MS = 500;

async function look() {
  const seen = await (await fetch("/sync/state")).json();
  if (!seen.running) return location.reload();
  document.getElementById("fetched").textContent = String(seen.fetched);
  setTimeout(look, LOOK_MS);
}

if (sync.dataset.running) setTimeout(look, LOOK_MS);
