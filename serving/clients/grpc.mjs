// Sounds of a served model over gRPC, by @grpc/grpc-js: npm install (in this folder), then
//   node grpc.mjs grpc://127.0.0.1:8500 drums 5 kick.wav            a seed (or '{"seed": 5, "pitch": 60}')
//   node grpc.mjs grpc://127.0.0.1:8500 voice mel.json speech.wav   a mel, [[80 numbers], ...]
//   node grpc.mjs grpc://127.0.0.1:8500 denoise noisy.wav clean.wav
// grpcs:// is for a proxy with TLS; USERPWD, TOKEN and NODE_EXTRA_CA_CERTS as in sounds.mjs.
import { readFileSync, realpathSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import { authorization } from "./sounds.mjs";

const file = fileURLToPath(new URL("protos/prediction.proto", import.meta.url));
const { tensorflow } = grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: String, enums: String }));

const FIELDS = { DT_FLOAT: "float_val", DT_INT64: "int64_val", DT_STRING: "string_val" };

/** A tensor: its type, shape and values in rows. */
export const tensor = (dtype, shape, values) => ({
  dtype, tensor_shape: { dim: shape.map((size) => ({ size })) }, [FIELDS[dtype]]: values,
});

/** The outputs of a signature, {name: {dtype, shape, values}}; replies of up to 64 MiB. */
export function predict(url, model, signature, inputs, headers = {}) {
  const { protocol, host } = new URL(url);
  const { createSsl, createInsecure } = grpc.credentials;
  const trusted = process.env.NODE_EXTRA_CA_CERTS; // which this package does not read by itself
  const credentials = protocol === "grpcs:" ? createSsl(trusted ? readFileSync(trusted) : null) : createInsecure();
  const client = new tensorflow.serving.PredictionService(host, credentials, { "grpc.max_receive_message_length": 2 ** 26 });
  const request = { model_spec: { name: model, signature_name: signature }, inputs };
  const metadata = grpc.Metadata.fromHttp2Headers(headers);
  return new Promise((done, fail) => {
    client.Predict(request, metadata, { deadline: Date.now() + 60_000 }, (error, reply) => {
      client.close();
      if (error) return fail(error);
      const plain = ([name, t]) => [name, { dtype: t.dtype, shape: t.tensor_shape.dim.map((d) => Number(d.size)), values: t[FIELDS[t.dtype]] }];
      done(Object.fromEntries(Object.entries(reply.outputs).map(plain)));
    });
  });
}

async function inputsOf(given) {
  if (given.endsWith(".wav")) return ["wav_to_wav", { wav_bytes: tensor("DT_STRING", [1], [await readFile(given)]) }];
  const value = JSON.parse(given.endsWith(".json") ? await readFile(given) : given);
  if (Array.isArray(value)) return ["wav", { mel: tensor("DT_FLOAT", [1, value.length, value[0].length], value.flat()) }];
  const numbers = typeof value === "object" ? value : { seed: value };
  return ["wav", Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, tensor("DT_INT64", [1], [n])]))];
}

const [script, url, model, given, out] = process.argv.slice(1);
if (script && realpathSync(script) === fileURLToPath(import.meta.url)) {
  if (!out) throw new Error("node grpc.mjs URL MODEL SEED|MEL.json|NOISY.wav OUT.wav");
  const { wav_bytes } = await predict(url, model, ...(await inputsOf(given)), authorization(process.env));
  await writeFile(out, wav_bytes.values[0]);
}
