/** Of the pages that say what is in the way; light or dark as the browser is. */
export const style = `
:root { color-scheme: light dark; --page: #f4f4f6; --card: #fff; --text: #1a1a20; --soft: #5c5c68; --line: #e2e2e8; --mark: #c2570c }
@media (prefers-color-scheme: dark) {
  :root { --page: #101014; --card: #1a1a20; --text: #f0f0f4; --soft: #a4a4b0; --line: #2e2e38; --mark: #fb923c }
}
* { box-sizing: border-box }
body { min-height: 100vh; margin: 0; padding: 1rem; display: grid; place-items: center; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 36rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow-wrap: anywhere }
header, footer { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; color: var(--soft); font-size: .85rem }
header b { color: var(--mark) }
h1 { margin: 1.25rem 0 .5rem; font-size: 1.4rem; line-height: 1.3 }
p { margin: .5rem 0 }
.hint { margin: 1.25rem 0 0; padding: .75rem 1rem; background: var(--page); border-radius: 8px }
.retry { margin-top: 1.25rem; color: var(--soft) }
.retry::before { content: ''; display: inline-block; width: .6em; height: .6em; margin-right: .6em; border-radius: 50%; background: var(--mark); animation: wait 1.2s ease-in-out infinite alternate }
footer { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line) }
code { font-size: .95em }
@keyframes wait { from { opacity: .2 } }
@media (prefers-reduced-motion: reduce) { .retry::before { animation: none } }
`
