// Keeps the last click on a form until mydata.js is there. A browser would send the form itself, which our policy
// forbids: the click would be lost, and whatever waits for its page would wait for ever.
const early = {
  form: null,
  button: null,
  keep(event) {
    event.preventDefault();
    early.form = event.target;
    early.button = event.submitter;
  },
  handOver() {
    document.removeEventListener("submit", early.keep);
    early.form?.requestSubmit(early.button);
  },
};
document.addEventListener("submit", early.keep);
window.early = early;
