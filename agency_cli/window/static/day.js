// The last people of the day at this desk, newest first: when, with what result, and the receipt. Nobody's name is known.
const body = document.getElementById("rows");
const time = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });

function cell(content) {
  const made = document.createElement("td");
  made.append(content);
  return made;
}

function receipt(jti) {
  const link = document.createElement("a");
  link.href = `/receipt/${jti}`;
  link.target = "_blank";
  link.textContent = jti;
  return link;
}

export function listDay(rows, texts) {
  const made = rows.toReversed().map(([at, result, code, jti]) => {
    const row = document.createElement("tr");
    row.append(cell(time.format(at * 1000)), cell(texts[result] ?? result), cell(jti ? receipt(jti) : (code ?? "")));
    return row;
  });
  body.replaceChildren(...made);
}
