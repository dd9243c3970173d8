/** How many bytes of the body are JSON, of V2 with tensors as bytes; what follows are tensors. */
export const JSON_LENGTH_HEADER = 'inference-header-content-length'
