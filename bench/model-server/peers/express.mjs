/**
 * The least that a Node team would write: express, its JSON parser, and an answer without a model, on the route that the
 * model server is measured on. `node express.mjs PORT`
 */
import express from 'express'

const app = express()
app.use(express.json())
app.post('/predict', (_request, response) => {
  response.json({ prediction: [26.928011] })
})
app.listen(Number(process.argv[2]), '127.0.0.1')
