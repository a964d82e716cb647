// Changes the secret of the start link for a cookie, and forgets it.
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const answer = await fetch("/start", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ token }),
});
if (answer.ok) {
  location.replace("/");
} else {
  const state = document.getElementById("state");
  state.textContent = state.dataset.failed;
}
