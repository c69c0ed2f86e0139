/**
 * Mutants that change no behavior, each reviewed, with the reason. They do not count.
 *
 * Each is identified by the text of its line and its change, as `npm run test:mutants` prints them, because line numbers
 * move.
 */
export interface Equivalent {
  file: string
  in: string
  change: string
  because: string
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: 'src/cache/gate.ts',
    in: 'if (this.#over * 2 <= this.#waiting.length) return',
    change: '2 → 2000',
    because: 'those that are gone are cleared out more often, which only takes longer',
  },
  {
    file: 'src/console-auth/plugin.ts',
    in: 'app.decorateRequest(kUser, null)',
    change: 'app.decorateRequest(kUser, null) → ;',
    because: 'it only gives requests their shape from the start, for V8',
  },
  {
    file: 'src/cache/misread-names.ts',
    in: 'if (found.size < MAX_FINDINGS) found.set(name, finding)',
    change: 'found.size < MAX_FINDINGS → !(found.size < MAX_FINDINGS)',
    because: 'without the memory of findings, each is found again, which only takes longer',
  },
  {
    file: 'src/keys/well-formed.ts',
    in: 'const LABELS_LENGTH = 2 * (MAX_LABEL_LENGTH + 1)',
    change: '1 → 2',
    because: 'the length of each label is checked as well; this only spares reading what is far too long',
  },
  {
    file: 'src/tenant-auth/authenticator.ts',
    in: 'this.#provesForm = this.#digest === digestKey',
    change: 'this.#provesForm = this.#digest === digestKey → ;',
    because: 'the form of a key is then checked before memory is asked, which only takes longer',
  },
  {
    file: 'src/stores/memory.ts',
    in: '#epoch = 0',
    change: '0 → 1',
    because: 'epochs are only compared with one another',
  },
  {
    file: 'src/stores/memory.ts',
    in: 'epoch: 0,',
    change: '0 → 1',
    because: 'it is set before the write returns',
  },
  {
    file: 'src/lib/nearest-name.ts',
    in: 'let [before, row]: [number[], number[]] = [[], Array.from({ length: other.length + 1 }, (_, i) => i)]',
    change: '1 → 2',
    because: 'the number too many is not read',
  },
  {
    file: 'src/keys/well-formed.ts',
    in: 'const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {',
    change: '256 → 256000',
    because: 'no byte reaches the entries too many',
  },
  {
    file: 'src/keys/well-formed.ts',
    in: 'const BASE62_VALUES = Int8Array.from({ length: 128 }, (_, code) => BASE62.indexOf(String.fromCharCode(code)))',
    change: '128 → 128000',
    because: 'the entries too many say -1, as for a code without an entry',
  },
  {
    file: 'src/tenant-auth/authenticator.ts',
    in: "const isCheckedLater = this.#provesForm && typeof value === 'string' && value.length <= MAX_LENGTH",
    change: 'value.length <= MAX_LENGTH → (value.length) < (MAX_LENGTH)',
    because: 'the form of the longest text is then checked before memory is asked, which only takes longer',
  },
  {
    file: 'src/tenant-auth/key-header.ts',
    in: 'for (let i = 0; i < value.length; i++) {',
    change: 'i < value.length → (i) <= (value.length)',
    because: 'there is no character after the last one, and NaN passes each comparison',
  },
  {
    file: 'src/tenant-auth/plugin.ts',
    in: 'app.decorateRequest(kEntry, null)',
    change: 'app.decorateRequest(kEntry, null) → ;',
    because: 'it only gives requests their shape from the start, for V8',
  },
  {
    file: 'src/leak-reports/plugin.ts',
    in: 'for (let i = 0; i < report.length; i += AT_ONCE) {',
    change: 'i < report.length → (i) <= (report.length)',
    because: 'there is nothing to do in the step too many',
  },
  {
    file: 'src/keys/key-issuer.ts',
    in: 'const ends = retireAt !== null && (old.expiresAt === null || retireAt < old.expiresAt)',
    change: 'retireAt < old.expiresAt → (retireAt) <= (old.expiresAt)',
    because: 'if both are the same moment, it does not matter which of them is returned',
  },
  {
    file: 'src/keys/key-manager-options.ts',
    in: 'const { environments, scopes, maxLifetime = Infinity, defaultLifetime = 0 } = given',
    change: '0 → 1',
    because: 'no maxLifetime is less than 1',
  },
  {
    file: 'src/keys/well-formed.ts',
    in: 'const LABELS_LENGTH = 2 * (MAX_LABEL_LENGTH + 1)',
    change: '2 → 2000',
    because: 'the length of each label is checked as well; this only spares reading what is far too long',
  },
  {
    file: 'src/keys/well-formed.ts',
    in: 'let middle = -1',
    change: '1 → 2',
    because: 'no character follows a place before the first one, so that no label begins there',
  },
  {
    file: 'src/keys/well-formed.ts',
    in: 'return BASE62_VALUES[code] ?? -1',
    change: '1 → 2',
    because: 'it only matters whether the value is negative',
  },
  {
    file: 'src/key-routes/body.ts',
    in: "const query = new URLSearchParams(mark < 0 ? '' : `&${url.slice(mark + 1)}`)",
    change: 'mark < 0 → (mark) <= (0)',
    because: 'the URL of a request that reaches a route begins with a slash, so the mark is never first',
  },
  {
    file: 'src/key-routes/body.ts',
    in: "const query = new URLSearchParams(mark < 0 ? '' : `&${url.slice(mark + 1)}`)",
    change: '0 → 1',
    because: 'the URL of a request that reaches a route begins with a slash, so the mark is never first',
  },
  {
    file: 'src/key-routes/plugin.ts',
    in: 'app.setValidatorCompiler(() => () => true)',
    change: 'true → false',
    because:
      'Fastify then looks for the errors of the validator, and takes the request because there are none',
  },
]
