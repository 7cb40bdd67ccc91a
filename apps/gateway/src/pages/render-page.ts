import { createHash } from 'node:crypto'

const style =
  ':root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.3rem}p.hint{opacity:.75}code{font-size:.85em;opacity:.6}'

const styleHash = createHash('sha256').update(style).digest('base64')

export interface Page {
  readonly title: string
  readonly text: string
  readonly hint?: string | undefined
  readonly code: string
  /** Seconds after which a browser asks again. */
  readonly retryAfter?: number | undefined
}

/** A page without anything that runs or is loaded. */
export const pagePolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`

export const renderPage = ({ title, text, hint, code, retryAfter }: Page): string =>
  [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width">',
    retryAfter === undefined ? '' : `<meta http-equiv="refresh" content="${retryAfter}">`,
    `<title>${escapeHtml(title)}</title><style>${style}</style></head><body>`,
    `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p>`,
    hint === undefined ? '' : `<p class="hint">${escapeHtml(hint)}</p>`,
    retryAfter === undefined ? '' : '<p class="hint">This page tries again by itself.</p>',
    `<code>${escapeHtml(code)}</code></body></html>\n`,
  ].join('')

export const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
