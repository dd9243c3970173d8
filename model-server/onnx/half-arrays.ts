/**
 * Hides Float16Array from whoever looks for it now. onnxruntime-common takes the one of Node 24 for what its binding uses, and the
 * binding (1.30) then fails with "not enough space" (microsoft/onnxruntime#26791); where there is none it uses Uint16Array, which
 * works. It looks only once.
 */
export function withoutHalfArrays(act: () => unknown): void {
  const hidden = globalThis.Float16Array
  Reflect.deleteProperty(globalThis, 'Float16Array')
  try {
    act()
  } finally {
    globalThis.Float16Array = hidden
  }
}
