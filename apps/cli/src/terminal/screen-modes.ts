const escape = 0x1b
const bell = 0x07

/** Private modes (DECSET) that are off, or on, in a terminal that a shell can use. */
const offModes = [
  1, 5, 6, 9, 47, 66, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1047, 1049, 2004, 2026,
]
const onModes = [7, 25]
const tracked: ReadonlySet<number> = new Set([...offModes, ...onModes])
const sequenceMaxBytes = 64

type State = 'text' | 'escape' | 'sequence' | 'charset' | 'string' | 'string-escape'

/**
 * Which modes the programs on a terminal have left it in, from what they wrote (ECMA-48, xterm's control sequences).
 * Only what was changed is reset, since resetting a mode can move the cursor.
 */
export class ScreenModes {
  #state: State = 'text'
  #sequence = ''
  readonly #changed = new Set<number>()
  readonly #others = new Map<string, string>()

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at++) {
      if (this.#state === 'text') {
        // Most of it: looked for natively.
        at = bytes.indexOf(escape, at)
        if (at === -1) return
      }
      this.#step(bytes[at] ?? 0)
    }
  }

  /** What makes the terminal usable again. */
  get reset(): string {
    const modes = [...this.#changed].map((mode) => `\u001b[?${mode}${onModes.includes(mode) ? 'h' : 'l'}`)
    return [...this.#others.values(), ...modes, '\u001b[0m'].join('')
  }

  #step(byte: number): void {
    const character = String.fromCodePoint(byte)
    switch (this.#state) {
      case 'text':
        if (byte === escape) this.#state = 'escape'
        return
      case 'escape':
        this.#state = this.#afterEscape(character)
        return
      case 'charset':
        this.#note('charset', character === 'B' ? undefined : '\u001b(B')
        this.#state = 'text'
        return
      case 'sequence':
        if (byte === escape) this.#state = 'escape'
        else if (byte >= 0x40 && byte <= 0x7e) {
          this.#apply(this.#sequence, character)
          this.#state = 'text'
        } else if (this.#sequence.length < sequenceMaxBytes) this.#sequence += character
        return
      case 'string':
        if (byte === bell) this.#state = 'text'
        else if (byte === escape) this.#state = 'string-escape'
        return
      case 'string-escape':
        this.#state = character === '\\' ? 'text' : this.#afterEscape(character)
    }
  }

  #afterEscape(character: string): State {
    switch (character) {
      case '[':
        this.#sequence = ''
        return 'sequence'
      case '(':
        return 'charset'
      case ']':
      case 'P':
      case 'X':
      case '^':
      case '_':
        return 'string'
      case '=':
        this.#note('keypad', '\u001b>')
        return 'text'
      case '>':
        this.#note('keypad', undefined)
        return 'text'
      case 'c':
        this.#changed.clear()
        this.#others.clear()
        return 'text'
      default:
        return 'text'
    }
  }

  #apply(sequence: string, final: string): void {
    if ((final === 'h' || final === 'l') && sequence.startsWith('?')) {
      for (const text of sequence.slice(1).split(';')) this.#setMode(Number(text), final === 'h')
    } else if (final === 'r' && /^[\d;]*$/.test(sequence)) {
      // The region of scrolling; to reset it moves the cursor.
      this.#note('region', /\d/.test(sequence) ? '\u001b7\u001b[r\u001b8' : undefined)
    } else if (final === 'h' && sequence === '4') this.#note('insert', '\u001b[4l')
    else if (final === 'l' && sequence === '4') this.#note('insert', undefined)
    else if (final === 'q' && sequence.endsWith(' '))
      this.#note('cursor', /[1-9]/.test(sequence) ? '\u001b[0 q' : undefined)
    else if (final === 'm' && sequence.startsWith('>4'))
      this.#note('keys', /^>4;[1-9]/.test(sequence) ? '\u001b[>4m' : undefined)
    else if (final === 'u' && sequence.startsWith('>')) this.#note('keyboard', '\u001b[<u')
    else if (final === 'u' && sequence.startsWith('<')) this.#note('keyboard', undefined)
    else if (final === 'p' && sequence === '!') this.#others.clear()
  }

  #setMode(mode: number, isOn: boolean): void {
    if (!tracked.has(mode)) return
    if (isOn === onModes.includes(mode)) this.#changed.delete(mode)
    else this.#changed.add(mode)
  }

  #note(what: string, reset: string | undefined): void {
    if (reset === undefined) this.#others.delete(what)
    else this.#others.set(what, reset)
  }
}
