// Sounds of a served model over REST, for browsers and Node 18+ (which has fetch): no package needed.
//   node sounds.mjs http://127.0.0.1:8501 drums 5 kick.wav            a seed (or {"seed": 5, "pitch": 60})
//   node sounds.mjs http://127.0.0.1:8501 voice mel.json speech.wav   a mel, [[80 numbers], ...]
//   node sounds.mjs http://127.0.0.1:8501 denoise noisy.wav clean.wav
export async function predict(url, model, signature, instances, headers = {}) {
  for (let attempt = 1; ; attempt++) {
    const reply = await fetch(`${url}/v1/models/${model}:predict`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ signature_name: signature, instances }),
    });
    if (reply.ok) return (await reply.json()).predictions;
    if (reply.status !== 503 || attempt === 4) throw new Error(`${reply.status}: ${(await reply.text()).slice(0, 500)}`);
    await new Promise((done) => setTimeout(done, 100 * 2 ** attempt)); // a full queue: the same request may be sent again
  }
}

export const wavOf = (prediction) => Uint8Array.from(atob(prediction.b64), (c) => c.charCodeAt(0));

if (typeof process !== "undefined" && import.meta.url === `file://${process.argv[1]}`) {
  const { readFile, writeFile } = await import("node:fs/promises");
  const [url, model, given, out] = process.argv.slice(2);
  let call = ["wav", [given.endsWith(".json") ? JSON.parse(await readFile(given)) : null]];
  if (given.endsWith(".wav")) call = ["wav_to_wav", [{ b64: (await readFile(given)).toString("base64") }]];
  else if (!given.endsWith(".json")) call = ["wav", [JSON.parse(given)]];
  const [made] = await predict(url, model, ...call);
  await writeFile(out, wavOf(made));
}
