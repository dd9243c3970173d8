'use strict'
// Runs in the context of each function before the function does, and makes the runtime's library of what V8 has there. What
// comes from the host is wrapped: a function meets no object of another realm, and no member that CloudFront lacks.
;(function realm(host, { library, typedArrays, constants, missing }) {
  const { apply, construct, deleteProperty, getOwnPropertyDescriptor, getPrototypeOf, ownKeys } = Reflect
  const { setPrototypeOf } = Object
  const { parse, stringify } = JSON
  const define = Object.defineProperty
  const errors = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }
  const bytesOf = Uint8Array
  const ENCODINGS = ['utf8', 'utf-8', 'hex', 'base64', 'base64url']
  const isEncoding = (name) => typeof name === 'string' && ENCODINGS.indexOf(name) >= 0

  const hidden = (value) => ({ value, writable: true, enumerable: false, configurable: true })

  /** What the host gives; what it throws, as an error of this realm. */
  function asked(call) {
    try {
      return call()
    } catch (error) {
      throw localError(error)
    }
  }

  function localError(error) {
    if (error instanceof Error || typeof error !== 'object' || error === null) return error
    const Made = errors[error.name] || Error
    return new Made(error.message)
  }

  /** A value of the host as one of this realm: functions are wrapped, bytes and plain objects are copied. */
  function local(value) {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return value
    if (typeof value === 'function') return (...args) => local(asked(() => value(...args)))
    if (host.isBuffer(value)) return bufferOf(value)
    if (typeof value.then === 'function')
      return new Promise((resolve, reject) => {
        value.then(
          (given) => resolve(local(given)),
          (error) => reject(localError(error)),
        )
      })
    const functions = Object.keys(value).filter((name) => typeof value[name] === 'function')
    return functions.length === 0 ? parse(stringify(value)) : localObject(value, functions)
  }

  function localObject(value, functions) {
    const made = {}
    for (const name of functions)
      made[name] = (...args) => {
        const given = asked(() => value[name](...args))
        return given === value ? made : local(given)
      }
    return made
  }

  // ---- Buffer: bytes of this realm, with the methods of the host's

  function Buffer() {
    throw new TypeError('Buffer is not a constructor')
  }
  define(Buffer, 'prototype', { value: Object.create(Uint8Array.prototype), writable: false })

  function bufferOf(bytes) {
    return setPrototypeOf(new bytesOf(bytes), Buffer.prototype)
  }

  /** Throws for an encoding that the runtime lacks: a text that is not the value itself. */
  function refuseEncodings(method, args) {
    const first = { alloc: 2, toString: 0 }[method] ?? 1
    for (const text of args.slice(first))
      if (typeof text === 'string' && !isEncoding(text))
        throw new TypeError('"' + text + '" encoding is not supported')
  }

  for (const name of library.Buffer.own)
    define(
      Buffer,
      name,
      hidden((...args) => {
        refuseEncodings(name, args)
        return local(asked(() => host.buffer[name](...args)))
      }),
    )
  define(
    Buffer,
    'isBuffer',
    hidden((value) => value instanceof Buffer),
  )
  define(Buffer, 'isEncoding', hidden(isEncoding))

  for (const name of library.Buffer.prototype) {
    if (name === 'length') continue
    const method = {
      [name](...args) {
        refuseEncodings(name, args)
        const view = asked(() => host.view(this))
        const given = asked(() => view[name](...args))
        return given === view ? this : local(given)
      },
    }[name]
    define(Buffer.prototype, name, hidden(method))
  }
  // These share the memory.
  for (const name of ['slice', 'subarray']) {
    const { subarray } = Uint8Array.prototype
    define(
      Buffer.prototype,
      name,
      hidden(function (...args) {
        return setPrototypeOf(apply(subarray, this, args), Buffer.prototype)
      }),
    )
  }
  define(Buffer.prototype, 'constructor', hidden(Buffer))
  define(Buffer.prototype, Symbol.toStringTag, { value: 'Buffer', configurable: true })

  // ---- the rest that is not V8's, or is not as V8 has it

  class InternalError extends Error {}
  define(InternalError.prototype, 'name', hidden('InternalError'))
  define(InternalError.prototype, 'message', hidden(''))

  class TextDecoder {
    #inner
    constructor(label = 'utf-8', options = {}) {
      if (label !== 'utf-8' && label !== 'utf8')
        throw new RangeError('The "' + label + '" encoding is not supported')
      this.#inner = host.textDecoder(options)
    }
    decode(bytes, options) {
      return asked(() => this.#inner.decode(bytes, options))
    }
    get encoding() {
      return 'utf-8'
    }
    get fatal() {
      return this.#inner.fatal
    }
    get ignoreBOM() {
      return this.#inner.ignoreBOM
    }
  }

  class TextEncoder {
    encode(text = '') {
      return new bytesOf(host.encode(text))
    }
    encodeInto(text, bytes) {
      return local(asked(() => host.encodeInto(text, bytes)))
    }
  }

  // Its members cannot be deleted, so this is another one.
  const RealSymbol = Symbol
  const LocalSymbol = (description) => RealSymbol(description)
  define(LocalSymbol, 'name', { value: 'Symbol' })
  define(LocalSymbol, 'prototype', { value: RealSymbol.prototype, writable: false })
  define(LocalSymbol, 'for', hidden(RealSymbol.for))
  define(LocalSymbol, 'keyFor', hidden(RealSymbol.keyFor))
  define(RealSymbol.prototype, 'constructor', hidden(LocalSymbol))

  const RealRegExp = RegExp
  function LocalRegExp(pattern, flags) {
    const unknown = flags === undefined ? undefined : String(flags).match(/[^gimy]/)
    if (unknown) throw new SyntaxError('Invalid RegExp flags "' + unknown[0] + '"')
    return new.target ? construct(RealRegExp, [pattern, flags]) : RealRegExp(pattern, flags)
  }
  define(LocalRegExp, 'name', { value: 'RegExp' })
  define(LocalRegExp, 'prototype', { value: RealRegExp.prototype, writable: false })
  define(RealRegExp.prototype, 'constructor', hidden(LocalRegExp))

  const { create } = Object
  define(
    Object,
    'create',
    hidden(function (prototype, properties) {
      if (properties !== undefined)
        throw new TypeError('Object.create with a list of properties is not supported')
      return create(prototype)
    }),
  )

  for (const [name, same] of [
    ['toLocaleString', 'toString'],
    ['toLocaleDateString', 'toDateString'],
    ['toLocaleTimeString', 'toTimeString'],
  ])
    define(Date.prototype, name, hidden(Date.prototype[same]))

  const modules = {}
  for (const name of Object.keys(host.modules)) modules[name] = local(host.modules[name])
  modules.buffer = { Buffer }

  function require(name) {
    const found = Object.prototype.hasOwnProperty.call(modules, name) ? modules[name] : undefined
    if (found === undefined) throw new Error('Cannot load module "' + name + '"')
    return found
  }

  // One text: CloudFront has no comma syntax here.
  const log = (value) => host.log(typeof value === 'string' ? value : String(stringify(value)))

  const made = {
    ...{ Buffer, InternalError, TextDecoder, TextEncoder, require },
    ...{ Symbol: LocalSymbol, RegExp: LocalRegExp, console: { log } },
    atob: (text) => asked(() => host.atob(text)),
    btoa: (text) => asked(() => host.btoa(text)),
  }
  for (const name of Object.keys(made)) define(globalThis, name, hidden(made[name]))

  // ---- and nothing else

  const always = ['length', 'name', 'prototype', 'constructor']
  function keepOnly(object, path, names) {
    for (const key of ownKeys(object))
      if (typeof key === 'string' && (missing.has(path + key) || !names.includes(key)))
        deleteProperty(object, key)
  }
  const anyTypedArray = getPrototypeOf(Uint8Array)
  keepOnly(anyTypedArray, 'TypedArray.', [...always, ...typedArrays.own])
  keepOnly(anyTypedArray.prototype, 'TypedArray.prototype.', ['constructor', ...typedArrays.prototype])
  for (const name of Object.keys(library)) {
    const value = globalThis[name]
    keepOnly(
      value,
      name + '.',
      typeof value === 'function' ? [...always, ...library[name].own] : library[name].own,
    )
    const { value: prototype } = getOwnPropertyDescriptor(value, 'prototype') ?? {}
    if (prototype) keepOnly(prototype, name + '.prototype.', ['constructor', ...library[name].prototype])
  }
  keepOnly(globalThis, '', [...Object.keys(library), ...constants])
  return modules
})
