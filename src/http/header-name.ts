/** Checks names of headers that the program sets. */
import type { Option } from '../lib/options.ts'
import { badOption } from './errors.ts'

/** RFC 9110, 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i

/** @returns the name in lower case */
export const headerName: Option<string> = (value, name) => {
  if (typeof value !== 'string' || !TOKEN.test(value)) throw badOption(name, 'the name of an HTTP header')
  return value.toLowerCase()
}
