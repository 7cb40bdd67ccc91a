import { parseSize } from '../output/size.ts'

/** Bytes from the beginning, which is 0. */
export const parseOffset = (text: string): number => (/^0+$/.test(text) ? 0 : parseSize(text, 1))
