// Sounds of a served model over REST, for browsers and Node 18+ (which has fetch): no package needed.
//   node sounds.mjs http://127.0.0.1:8501 drums 5 kick.wav            a seed (or '{"seed": 5, "pitch": 60}')
//   node sounds.mjs http://127.0.0.1:8501 voice mel.json speech.wav   a mel, [[80 numbers], ...]
//   node sounds.mjs http://127.0.0.1:8501 denoise noisy.wav clean.wav
// USERPWD (me:password) is sent as basic authentication, TOKEN as a bearer token; NODE_EXTRA_CA_CERTS names a certificate to trust.
export async function predict(url, model, signature, instances, headers = {}) {
  for (let attempt = 1; ; attempt++) {
    const reply = await fetch(`${url}/v1/models/${model}:predict`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ signature_name: signature, instances }),
      signal: AbortSignal.timeout(60_000),
    });
    if (reply.ok) return (await reply.json()).predictions;
    if (reply.status !== 503 || attempt === 4) throw new Error(`${reply.status}: ${(await reply.text()).slice(0, 500)}`);
    await new Promise((done) => setTimeout(done, 100 * 2 ** attempt)); // a full queue: the same request may be sent again
  }
}

export const wavOf = (prediction) => Uint8Array.from(atob(prediction.b64), (c) => c.charCodeAt(0));

export const authorization = ({ USERPWD, TOKEN }) =>
  USERPWD ? { authorization: `Basic ${btoa(USERPWD)}` } : TOKEN ? { authorization: `Bearer ${TOKEN}` } : {};

const [script, url, model, given, out] = typeof process === "undefined" ? [] : process.argv.slice(1);
if (script && (await import("node:fs")).realpathSync(script) === (await import("node:url")).fileURLToPath(import.meta.url)) {
  const { readFile, writeFile } = await import("node:fs/promises");
  if (!out) throw new Error("node sounds.mjs URL MODEL SEED|MEL.json|NOISY.wav OUT.wav");
  const isWav = given.endsWith(".wav"), isFile = isWav || given.endsWith(".json");
  const read = isFile ? await readFile(given) : given;
  const instance = isWav ? { b64: read.toString("base64") } : JSON.parse(read);
  const [made] = await predict(url, model, isWav ? "wav_to_wav" : "wav", [instance], authorization(process.env));
  await writeFile(out, wavOf(made));
}
