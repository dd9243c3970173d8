/**
 * Import this before onnxruntime-node. From 1.29 on its official Linux builds report every session (hashes of the model among
 * other things) to their maker and keep an identifier of the machine on disk, unless this variable stands in the environment
 * when the library starts (microsoft/onnxruntime#27379). A model server has no business calling out.
 */
// eslint-disable-next-line no-restricted-properties -- a setting of the library, not one of ours; nothing is read
process.env.ORT_DISABLE_TELEMETRY = '1'
