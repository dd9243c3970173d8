/**
 * The library of functions: ECMAScript 5.1 and what AWS documents beyond, both as far as njs, the engine that CloudFront's is
 * of the family of, has them. A test compares it with a real njs.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
 */

/** The members of a global, and those of its prototype; every function has its `length`, `name` and `prototype` besides. */
export type Members = { own: readonly string[]; prototype: readonly string[] }

const of = (own: string, prototype = ''): Members => ({ own: words(own), prototype: words(prototype) })

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

const ERROR = of('', 'message name')
const TYPED_ARRAY = of('BYTES_PER_ELEMENT', 'BYTES_PER_ELEMENT')

/** The globals that are functions or objects. */
export const LIBRARY: Readonly<Record<string, Members>> = {
  Object: of(
    `assign create defineProperties defineProperty entries freeze getOwnPropertyDescriptor getOwnPropertyDescriptors
     getOwnPropertyNames getPrototypeOf is isExtensible isFrozen isSealed keys preventExtensions seal setPrototypeOf values`,
    'hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf',
  ),
  Function: of('', 'apply arguments bind call caller length name'),
  Array: of(
    'isArray of',
    `concat copyWithin every fill filter find findIndex forEach includes indexOf join lastIndexOf length map pop push reduce
     reduceRight reverse shift slice some sort splice toString unshift`,
  ),
  String: of(
    'fromCharCode fromCodePoint',
    `charAt charCodeAt codePointAt concat endsWith includes indexOf lastIndexOf length match padEnd padStart repeat replace
     replaceAll search slice split startsWith substr substring toLowerCase toString toUpperCase trim trimEnd trimStart valueOf`,
  ),
  Number: of(
    `EPSILON MAX_SAFE_INTEGER MAX_VALUE MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY NaN POSITIVE_INFINITY isFinite isInteger
     isNaN isSafeInteger parseFloat parseInt`,
    'toExponential toFixed toPrecision toString valueOf',
  ),
  Boolean: of('', 'toString valueOf'),
  Symbol: of('for keyFor', 'toString valueOf'),
  Math: of(
    `E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos acosh asin asinh atan atan2 atanh cbrt ceil clz32 cos cosh exp expm1
     floor fround hypot imul log log10 log1p log2 max min pow random round sign sin sinh sqrt tan tanh trunc`,
  ),
  JSON: of('parse stringify'),
  Date: of(
    'UTC now parse',
    `getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth getSeconds getTime getTimezoneOffset getUTCDate
     getUTCDay getUTCFullYear getUTCHours getUTCMilliseconds getUTCMinutes getUTCMonth getUTCSeconds setDate setFullYear
     setHours setMilliseconds setMinutes setMonth setSeconds setTime setUTCDate setUTCFullYear setUTCHours setUTCMilliseconds
     setUTCMinutes setUTCMonth setUTCSeconds toDateString toISOString toJSON toLocaleDateString toLocaleString
     toLocaleTimeString toString toTimeString toUTCString valueOf`,
  ),
  RegExp: of('', 'exec flags global ignoreCase multiline source sticky test toString'),
  Promise: of('all allSettled any race reject resolve', 'catch finally then'),
  ArrayBuffer: of('isView', 'byteLength slice'),
  DataView: of(
    '',
    `buffer byteLength byteOffset getFloat32 getFloat64 getInt16 getInt32 getInt8 getUint16 getUint32 getUint8 setFloat32
     setFloat64 setInt16 setInt32 setInt8 setUint16 setUint32 setUint8`,
  ),
  Float32Array: TYPED_ARRAY,
  Float64Array: TYPED_ARRAY,
  Int8Array: TYPED_ARRAY,
  Int16Array: TYPED_ARRAY,
  Int32Array: TYPED_ARRAY,
  Uint8Array: TYPED_ARRAY,
  Uint8ClampedArray: TYPED_ARRAY,
  Uint16Array: TYPED_ARRAY,
  Uint32Array: TYPED_ARRAY,
  Error: of('', 'message name toString'),
  EvalError: ERROR,
  InternalError: ERROR,
  RangeError: ERROR,
  ReferenceError: ERROR,
  SyntaxError: ERROR,
  TypeError: ERROR,
  URIError: ERROR,
  TextDecoder: of('', 'decode encoding fatal ignoreBOM'),
  TextEncoder: of('', 'encode encodeInto'),
  Buffer: of(
    'alloc allocUnsafe byteLength compare concat from isBuffer isEncoding',
    `compare copy equals fill includes indexOf lastIndexOf length readDoubleBE readDoubleLE readFloatBE readFloatLE readInt16BE
     readInt16LE readInt32BE readInt32LE readInt8 readIntBE readIntLE readUInt16BE readUInt16LE readUInt32BE readUInt32LE
     readUInt8 readUIntBE readUIntLE slice subarray swap16 swap32 swap64 toJSON toString write writeDoubleBE writeDoubleLE
     writeFloatBE writeFloatLE writeInt16BE writeInt16LE writeInt32BE writeInt32LE writeInt8 writeIntBE writeIntLE
     writeUInt16BE writeUInt16LE writeUInt32BE writeUInt32LE writeUInt8 writeUIntBE writeUIntLE`,
  ),
  console: of('log'),
  atob: of(''),
  btoa: of(''),
  decodeURI: of(''),
  decodeURIComponent: of(''),
  encodeURI: of(''),
  encodeURIComponent: of(''),
  // It is there, and throws.
  eval: of(''),
  isFinite: of(''),
  isNaN: of(''),
  parseFloat: of(''),
  parseInt: of(''),
  require: of(''),
}

/** What all typed arrays inherit, which has no name of its own. */
export const TYPED_ARRAYS = of(
  'from of',
  `buffer byteLength byteOffset copyWithin every fill filter find findIndex forEach includes indexOf join lastIndexOf length map
   reduce reduceRight reverse set slice some sort subarray toString`,
)

export const CONSTANTS: readonly string[] = ['globalThis', 'Infinity', 'NaN', 'undefined']

/** What runtime 1.0 lacks of all that; a dot leads to a member. */
export const NEW_IN_20: ReadonlySet<string> = new Set(
  words(
    `Buffer atob btoa DataView Symbol String.prototype.replaceAll RegExp.prototype.sticky RegExp.prototype.flags
     Promise.all Promise.allSettled Promise.any Promise.race`,
  ),
)
