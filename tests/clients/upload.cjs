// Uploads one file with tus-js-client as its documentation shows it. Takes its options as JSON and says what happens,
// a line of JSON for each event.
const fs = require('node:fs')
const { PassThrough } = require('node:stream')
const tus = require('tus-js-client')

const { file, endpoint, storage, stream = false, buffer = false, abortAt = Infinity, ...options } = JSON.parse(process.argv[2])
options.chunkSize ??= Number.POSITIVE_INFINITY
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }))

// A stream without a path: nobody can look up its size.
const opened = () => (stream ? fs.createReadStream(file).pipe(new PassThrough()) : fs.createReadStream(file))
const source = buffer ? fs.readFileSync(file) : opened()

const upload = new tus.Upload(source, {
  endpoint,
  retryDelays: [0, 200, 500, 1000, 2000, 3000],
  metadata: { filename: 'client.mp3', filetype: 'audio/mpeg', title: 'Night' },
  urlStorage: storage ? new tus.FileUrlStorage(storage) : undefined,
  storeFingerprintForResuming: Boolean(storage),
  ...options,
  onAfterResponse: (request, response) => {
    const at = request.getHeader('Upload-Offset')
    say('answered', { method: request.getMethod(), at: at && Number(at), status: response.getStatus() })
  },
  onChunkComplete: (size, accepted) => {
    say('accepted', { size, accepted })
    if (accepted >= abortAt) {
      upload.abort().then(() => {
        say('aborted')
        process.exit(0)
      })
    }
  },
  onError: (error) => {
    say('error', { message: error.message })
    process.exit(1)
  },
  onSuccess: () => {
    say('success', { url: upload.url })
    process.exit(0)
  },
})

const begin = async () => {
  if (storage) {
    const [previous] = await upload.findPreviousUploads()
    if (previous) upload.resumeFromPreviousUpload(previous)
  }
  upload.start()
}

begin()
