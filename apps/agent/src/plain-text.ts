/** The longest sentence that the control plane takes. */
const maxCharacters = 2000

/**
 * What a program, a registry or the engine wrote, fit to be sent on: control characters become spaces, and what is
 * too long is cut. One NUL would make the control plane refuse the whole message that carries it.
 */
export const toPlainText = (foreign: string): string =>
  foreign.replaceAll(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, ' ').slice(0, maxCharacters)
