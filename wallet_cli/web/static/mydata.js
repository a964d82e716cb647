// Sends what forms say, and follows the answer. Draws nothing but messages: the pages are made by the program.
const message = document.getElementById("message");

export function complain(text) {
  message.textContent = text;
  message.hidden = false;
  message.scrollIntoView({ block: "nearest" });
}

export async function send(path, options) {
  message.hidden = true;
  try {
    const answer = await fetch(path, { method: "POST", ...options });
    const body = answer.headers.get("content-type")?.startsWith("application/json") ? await answer.json() : {};
    if (body.go) {
      // One navigation, never two: a page that is loaded twice may take a click of the first away.
      const next = new URL(body.go, location.href);
      if (next.pathname === location.pathname) {
        history.replaceState(null, "", next);
        location.reload();
      } else {
        location.assign(next);
      }
    } else if (!answer.ok) {
      complain([body.detail, body.hint].filter(Boolean).join(" ") || document.body.dataset.failed);
    }
    return answer.ok;
  } catch {
    complain(document.body.dataset.failed);
    return false;
  }
}

export const json = (value) => ({ headers: { "content-type": "application/json" }, body: JSON.stringify(value) });

const READ = { int: (text) => (text === "" ? null : Number(text)), bool: (text) => text !== "" };

function values(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name || field.type === "file") continue;
    const kind = field.dataset.kind;
    const on = field.type !== "checkbox" || field.checked;
    if (kind === "list") found[field.name] = [...(found[field.name] ?? []), ...(on ? [field.value] : [])];
    else if (kind === "bool") found[field.name] = on && READ.bool(field.value);
    else found[field.name] = READ[kind] ? READ[kind](field.value) : field.value;
  }
  return found;
}

async function submit(form) {
  const { post, upload, forget } = form.dataset;
  if (upload) {
    const document = form.elements.document.files[0];
    const said = encodeURIComponent(JSON.stringify({ ...values(form), name: document.name }));
    return send(upload, { headers: { "content-type": "application/octet-stream", "onefile-document": said }, body: document });
  }
  const ok = await send(post, json(values(form)));
  if (forget !== undefined) {
    form.reset();
    document.getElementById("good").hidden = !ok;
  }
}

document.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  await submit(event.target);
  button.removeAttribute("aria-disabled");
});
window.early.handOver();

for (const label of document.querySelectorAll("label.file")) {
  const input = label.querySelector("input");
  const said = label.querySelector("span").textContent;
  input.addEventListener("change", () => {
    label.querySelector("span").textContent = input.files[0]?.name ?? said;
  });
}

// The program locks by itself; this only takes what was drawn off the screen.
const idle = Number(document.body.dataset.idle);
if (idle) {
  let timer = 0;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => location.assign("/locked"), idle * 1000);
  };
  for (const sign of ["pointerdown", "keydown"]) document.addEventListener(sign, again);
  again();
}
