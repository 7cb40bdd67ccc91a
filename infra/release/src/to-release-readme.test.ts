import { expect, it } from 'vitest'
import { toReleaseReadme } from './to-release-readme.ts'

it('keeps the words of links to what is not beside it, and other links', () => {
  const text = 'See [the `docs`](docs/a.md#b), [this](#part), [Docker](https://docker.com) and [x](../y).'
  expect(toReleaseReadme(text)).toBe('See the `docs`, [this](#part), [Docker](https://docker.com) and x.')
})
