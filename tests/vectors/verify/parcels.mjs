// Parcels, and what a grant or a show hands over (docs/spec/sealed-object.md §5, parcel.md §2).
import { readEnvelope } from "./accounts.mjs";
import { openFile, readIdentity } from "./age.mjs";
import { b64u, hex0x, octets, sha256, unb64u } from "./bytes.mjs";
import { readCredential } from "./credentials.mjs";
import { Fields } from "./fields.mjs";
import { isObject, parseCanonical } from "./json.mjs";
import { denied, need, untrusted } from "./refused.mjs";
import { itemCommitment, readReceipt, readSlip } from "./signed.mjs";

function readItem(fields) {
  const item = {
    slip: fields.text("slip", { most: 64 << 10 }),
    salt: fields.octets("salt"),
    leafSalt: fields.octets("leaf_salt"),
    proof: fields.text("proof", { most: 32 << 10 }),
    presentation: fields.text("presentation", { most: 512 << 10 }),
    documents: fields.objects("documents", { most: 64 }).map((document) => {
      const found = { name: document.text("name", { most: 255 }), payload: b64u(document.octets("payload")) };
      document.done();
      return found;
    }),
  };
  fields.done();
  return item;
}

function readParcel(raw) {
  const fields = new Fields(parseCanonical(raw, 2 << 20), "parcel");
  fields.uint("v", { least: 1, most: 1 });
  const grant = fields.optional("grant", () => fields.octets("grant"));
  const show = fields.optional("show", () => fields.octets("show", 16));
  const items = fields.objects("items", { least: 1, most: 64 }).map(readItem);
  need(isObject(fields.take("card")), "parcel: card");
  need(fields.optional("mandate", () => [fields.take("mandate")])?.every(isObject) ?? true, "parcel: mandate");
  const tagKey = fields.octets("grant_tag_key");
  fields.done();
  need((grant === null) !== (show === null), "parcel: exactly one of grant and show");
  return { grant, show, items, tagKey };
}

function parcel({ raw }) {
  const { grant, show, items } = readParcel(octets(raw));
  const documents = items.flatMap((item) => item.documents.map(({ name }) => name));
  return { basis: b64u(grant ?? show), items: items.length, documents };
}

/** Slip, credential and documents of one item, held against each other. */
function checkItem(item, log) {
  const slip = readSlip(item.slip);
  if (slip.aud !== log) untrusted("wrong_audience");
  if (slip.own) denied("own_document");
  const credential = readCredential(item.presentation);
  if (!itemCommitment(item.salt, credential.issuer.raw).equals(slip.commitment)) untrusted("item_commitment");
  if (slip.iss !== credential.iss) untrusted("slip_issuer");
  for (const { name, payload } of item.documents) {
    // Object n of the slip is entry n - 1 of files; object 0 is the credential.
    const place = slip.objects.indexOf(payload) - 1;
    if (place < 0 || credential.files[`/files/${place}`] !== name) untrusted("document_unnamed");
  }
  return { slip, item: slip.item, documents: item.documents };
}

function openShown(receipt, sealed, identity, log) {
  const found = readParcel(openFile(sealed, identity));
  if (found.show === null || b64u(found.show) !== receipt.show) untrusted("parcel_show");
  const handed = found.items.map((item) => checkItem(item, log));
  if (new Set(handed.map(({ slip }) => slip.dossier)).size > 1) untrusted("parcel_dossiers");
  return handed;
}

function openGranted(grant, receipt, parcels, identity, log) {
  const parts = grant.scope.filter((part) => receipt.items.includes(b64u(Buffer.from(part.item.slice(2), "hex"))));
  const named = parcels.map((sealed) => hex0x(sha256(sealed)));
  if (named.join() !== parts.map((part) => part.parcel).join()) untrusted("parcel_other");
  const opened = parcels.map((sealed) => readParcel(openFile(sealed, identity)));
  const handed = opened.map((found, i) => checkGranted(found, parts[i], grant, log));
  if (new Set(opened.map(({ tagKey }) => b64u(tagKey))).size > 1) untrusted("parcel_tag_key");
  return handed;
}

function checkGranted(found, part, grant, log) {
  if (found.grant === null || hex0x(found.grant) !== grant.grantId) untrusted("parcel_grant");
  if (found.items.length !== 1) untrusted("parcel_items");
  const handed = checkItem(found.items[0], log);
  if (hex0x(unb64u(handed.item)) !== part.item || handed.slip.dossier !== grant.dossier) untrusted("parcel_item");
  const payloads = handed.documents.map(({ payload }) => hex0x(unb64u(payload))).sort();
  if (payloads.join() !== part.documents.join()) untrusted("parcel_documents");
  return handed;
}

function sealedParcel({ grant, receipt: raw, parcels, identity: text, log }) {
  const receipt = readReceipt(raw);
  const sealed = parcels.map((one) => unb64u(one));
  const identity = readIdentity(text);
  const handed = grant === null
    ? openShown(receipt, sealed[0], identity, log)
    : openGranted(readEnvelope(octets(grant), "grant").message, receipt, sealed, identity, log);
  return handed.map(({ item, documents }) => ({ item, documents: documents.map(({ name }) => name) }));
}

export const judges = { parcel, "sealed-parcel": sealedParcel };
