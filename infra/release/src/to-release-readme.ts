/** A README that stands alone: what its links within the sources point to is not there. */
export const toReleaseReadme = (text: string): string =>
  text.replaceAll(/\[([^\]]+)\]\((?![a-z]+:|#)[^)]*\)/g, '$1')
