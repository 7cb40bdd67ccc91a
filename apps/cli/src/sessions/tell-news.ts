import type { Output } from '../output/output.ts'
import type { News } from './session-client.ts'

/** As a sentence; undefined for what nobody needs to be told. */
export function describeNews(news: News): string | undefined {
  switch (news.kind) {
    case 'attached':
      return undefined
    case 'cut':
      return 'The connection was lost; trying to go on for 10 minutes.'
    case 'back':
      return 'Connected again; nothing was lost.'
    case 'gap':
      return `${news.bytes} bytes of output are not kept any more, and missing here.`
  }
}

/** On standard error: what is missing always, the rest for people at a terminal. */
export const tellNews =
  (output: Output) =>
  (news: News): void => {
    const sentence = describeNews(news)
    if (sentence === undefined) return
    if (news.kind === 'gap') output.warn(sentence)
    else output.note(`gpulab: ${sentence}`)
  }
