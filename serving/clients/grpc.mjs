// Predict over gRPC by @grpc/grpc-js: npm install (in this folder), then
//   node grpc.mjs 127.0.0.1:8500 drums 5 kick.wav
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const file = fileURLToPath(new URL("protos/prediction.proto", import.meta.url));
const { tensorflow } = grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: String, enums: String }));

const FIELDS = { DT_FLOAT: "float_val", DT_INT64: "int64_val", DT_STRING: "string_val" };

/** A tensor: its type, shape and values in rows. */
export const tensor = (dtype, shape, values) => ({
  dtype, tensor_shape: { dim: shape.map((size) => ({ size })) }, [FIELDS[dtype]]: values,
});

/** The outputs of a signature, {name: {dtype, shape, values}}; replies of up to 64 MiB. */
export function predict(address, model, signature, inputs, credentials = grpc.credentials.createInsecure()) {
  const options = { "grpc.max_receive_message_length": 2 ** 26 };
  const client = new tensorflow.serving.PredictionService(address, credentials, options);
  const request = { model_spec: { name: model, signature_name: signature }, inputs };
  return new Promise((done, fail) => {
    client.Predict(request, { deadline: Date.now() + 60_000 }, (error, reply) => {
      client.close();
      if (error) return fail(error);
      const plain = ([name, t]) => [name, { dtype: t.dtype, shape: t.tensor_shape.dim.map((d) => Number(d.size)), values: t[FIELDS[t.dtype]] }];
      done(Object.fromEntries(Object.entries(reply.outputs).map(plain)));
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { writeFile } = await import("node:fs/promises");
  const [address, model, seed, out] = process.argv.slice(2);
  const { wav_bytes } = await predict(address, model, "wav", { seed: tensor("DT_INT64", [1], [seed]) });
  await writeFile(out, wav_bytes.values[0]);
}
