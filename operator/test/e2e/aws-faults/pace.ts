/** A little less than the operator waits for an answer: what is held up for so long is still answered. In milliseconds. */
export const ANSWER_MS = 4500
