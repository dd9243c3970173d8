/** Where the resources of one kind are kept over a restart, each under its own key. Values are plain JSON. */
export type Shelf<T> = {
  all: () => T[]
  /** Returns when the value is safe from the end of this process. */
  put: (key: string, value: T) => void
  delete: (key: string) => void
}

/** A shelf that is gone with the process. */
export function memoryShelf<T>(): Shelf<T> {
  return { all: () => [], put: () => undefined, delete: () => undefined }
}
