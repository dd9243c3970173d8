/** Jest reporter: one line per finished test file with the elapsed time, and the whole story of what failed. */
export default class Progress {
  #started = performance.now()

  onTestResult(
    test,
    result,
    { numTotalTestSuites, numPassedTestSuites, numFailedTestSuites, numPendingTestSuites },
  ) {
    const done = numPassedTestSuites + numFailedTestSuites + numPendingTestSuites
    const elapsed = ((performance.now() - this.#started) / 1000).toFixed(1).padStart(6)
    const file = result.testFilePath.slice(process.cwd().length + 1)
    const failed = result.numFailingTests > 0 || result.testExecError !== undefined
    const took = ((result.perfStats.end - result.perfStats.start) / 1000).toFixed(1)
    console.log(
      `[${elapsed} s] ${done}/${numTotalTestSuites} ${failed ? 'FAILED' : 'ok'} ${file}: ${result.numPassingTests} tests in ${took} s`,
    )
    if (failed) console.log(result.failureMessage ?? String(result.testExecError))
  }
}
