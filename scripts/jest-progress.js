/** So long a test is told by itself: a file of them says nothing for minutes. */
const LONG_MS = 5000

/** Jest reporter: one line per finished test file, and per long test, with the elapsed time, and the whole story of what failed. */
export default class Progress {
  #started = performance.now()

  onTestCaseResult(_test, { duration, status, title }) {
    if (duration >= LONG_MS)
      console.log(`[${this.#elapsed()} s]   ${status}: ${title} (${(duration / 1000).toFixed(1)} s)`)
  }

  onTestResult(
    test,
    result,
    { numTotalTestSuites, numPassedTestSuites, numFailedTestSuites, numPendingTestSuites },
  ) {
    const done = numPassedTestSuites + numFailedTestSuites + numPendingTestSuites
    const file = result.testFilePath.slice(process.cwd().length + 1)
    const failed = result.numFailingTests > 0 || result.testExecError !== undefined
    const took = ((result.perfStats.end - result.perfStats.start) / 1000).toFixed(1)
    console.log(
      `[${this.#elapsed()} s] ${done}/${numTotalTestSuites} ${failed ? 'FAILED' : 'ok'} ${file}: ${result.numPassingTests} tests in ${took} s`,
    )
    if (failed) console.log(result.failureMessage ?? String(result.testExecError))
  }

  #elapsed() {
    return ((performance.now() - this.#started) / 1000).toFixed(1).padStart(6)
  }
}
