import { escapeText } from './escape.ts'

/** "$1.49", or "1.49 EUR". */
export function formatMoney(amount: string, currency: string): string {
  const [sign, size] = amount.startsWith('-') ? ['-', amount.slice(1)] : ['', amount]
  return currency === 'USD' ? `${sign}$${escapeText(size)}` : `${escapeText(amount)} ${escapeText(currency)}`
}
