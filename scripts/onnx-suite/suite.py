"""
The models of onnx's own backend suite, each asked of the model server and of onnxruntime in Python. What the runtime answers, the
server has to answer too, with the same numbers; what it refuses has to be of a kind that its binding does not have.

python3 suite.py SERVER_COMMAND... ; needs onnx, onnxruntime, numpy and ml_dtypes.
"""
import collections, glob, json, os, re, subprocess, sys, tempfile, time, urllib.error, urllib.request

import numpy as np
import onnx, onnx.backend.test, onnxruntime
from onnx import numpy_helper

DATA = os.path.join(os.path.dirname(onnx.backend.test.__file__), 'data')
KINDS = ['node', 'simple', 'pytorch-operator', 'pytorch-converted']
AT_A_TIME = 100
PORT = 18700
WAIT_SECONDS = 300
LEAST_NODES = 0.972  # 1,225 of 1,260
TYPES = {np.dtype(t): name for t, name in [
    ('bool', 'BOOL'), ('u1', 'UINT8'), ('u2', 'UINT16'), ('u4', 'UINT32'), ('u8', 'UINT64'), ('i1', 'INT8'), ('i2', 'INT16'),
    ('i4', 'INT32'), ('i8', 'INT64'), ('f2', 'FP16'), ('f4', 'FP32'), ('f8', 'FP64')]}
BACK = {name: dtype for dtype, name in TYPES.items()}
NOT_IN_THE_BINDING = re.compile(r'seq\(|optional\(|map\(|bfloat16|float8|float4|int4|complex|sparse')


def read_inputs(folder, model):
    files = sorted(glob.glob(os.path.join(folder, 'test_data_set_0', 'input_*.pb')), key=lambda f: int(re.findall(r'_(\d+)\.pb', f)[0]))
    names = [i.name for i in model.graph.input]
    inputs = {}
    for name, file in zip(names, files):
        tensor = onnx.TensorProto()
        tensor.ParseFromString(open(file, 'rb').read())
        inputs[name] = numpy_helper.to_array(tensor)
    return inputs


def runtime_answer(path, model):
    """What onnxruntime answers, twice, or None where it does not."""
    try:
        session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
        inputs = read_inputs(os.path.dirname(path), model)
        names = [o.name for o in session.get_outputs()]
        return inputs, *[dict(zip(names, session.run(None, inputs))) for _ in range(2)]
    except Exception:
        return None


def text_bytes(array):
    parts = [x if isinstance(x, bytes) else str(x).encode() for x in array.ravel()]
    return b''.join(len(p).to_bytes(4, 'little') + p for p in parts)


def ask(base, name, inputs):
    described, tail = [], b''
    for key, array in inputs.items():
        text = array.dtype.kind in 'OSU'
        content = text_bytes(array) if text else np.ascontiguousarray(array).tobytes()
        described.append({'name': key, 'datatype': 'BYTES' if text else TYPES[array.dtype], 'shape': list(array.shape),
                          'parameters': {'binary_data_size': len(content)}})
        tail += content
    head = json.dumps({'parameters': {'binary_data_output': True}, 'inputs': described}).encode()
    request = urllib.request.Request(f'{base}/v2/models/{name}/infer', head + tail,
                                     {'content-type': 'application/octet-stream', 'inference-header-content-length': str(len(head))})
    with urllib.request.urlopen(request, timeout=60) as response:
        body, length = response.read(), int(response.headers.get('inference-header-content-length', 0))
    answer, tail = json.loads(body[:length or None]), body[length:]
    outputs = {}
    for output in answer['outputs']:
        size = output['parameters']['binary_data_size']
        content, tail = tail[:size], tail[size:]
        if output['datatype'] == 'BYTES':
            texts = []
            while content:
                end = 4 + int.from_bytes(content[:4], 'little')
                texts.append(content[4:end].decode())
                content = content[end:]
            outputs[output['name']] = np.array(texts, dtype=object).reshape(output['shape'])
        else:
            outputs[output['name']] = np.frombuffer(content, BACK[output['datatype']]).reshape(output['shape'])
    return outputs


def is_same(one, other):
    other = np.asarray(other)
    if one.shape != other.shape:
        return False
    if other.dtype.kind not in 'fc':
        return bool((one == other).all())
    return bool(np.allclose(one.astype('f8'), other.astype('f8'), rtol=1e-5, atol=1e-7, equal_nan=True))


def status_of(base, name):
    try:
        with urllib.request.urlopen(f'{base}/v2/models/{name}/ready', timeout=30) as response:
            return response.status, ''
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()).get('error', '')


def compare(base, name, inputs, first, second):
    try:
        outputs = ask(base, name, inputs)
    except urllib.error.HTTPError as error:
        return 'failed', error.read().decode()[:200]
    except KeyError as error:
        return 'refused', f'the suite has no bytes for {error}'
    for key, answer in outputs.items():
        expected = first[key]
        if np.asarray(expected).shape == np.asarray(second[key]).shape and not is_same(np.asarray(expected), second[key]):
            continue  # Random.
        if not is_same(answer, expected):
            return 'wrong', f"output '{key}'"
    return 'served', ''


def check(cases, command, scratch):
    """How each of some models fares, in a server with all of them."""
    models = os.path.join(scratch, 'models.json')
    with open(models, 'w') as file:
        json.dump({'models': [{'name': name, 'uri': path} for name, path, _ in cases]}, file)
    env = {**os.environ, 'PORT': str(PORT), 'MODELS_FILE': models, 'LOG_LEVEL': 'silent', 'WORKERS': '1', 'ACCESS_LOG': 'off'}
    base = f'http://127.0.0.1:{PORT}'
    server = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        for name, _, (inputs, first, second) in cases:
            deadline = time.time() + WAIT_SECONDS
            status, error = 0, ''
            while time.time() < deadline and (status == 0 or 'being fetched' in error or 'cannot be fetched yet' in error):
                if server.poll() is not None:
                    raise SystemExit(f'the server ended with {server.returncode}')
                try:
                    status, error = status_of(base, name)
                except (urllib.error.URLError, ConnectionError):
                    pass
                time.sleep(0.02)
            yield name, *(compare(base, name, inputs, first, second) if status == 200 else ('refused', error))
    finally:
        server.terminate()
        server.wait()


def cases_of(kind):
    for folder in sorted(glob.glob(os.path.join(DATA, kind, '*'))):
        path = os.path.join(folder, 'model.onnx')
        answer = os.path.exists(path) and runtime_answer(path, onnx.load(path))
        if answer:
            yield os.path.basename(folder), path, answer


def main(command):
    onnxruntime.set_default_logger_severity(4)
    bad = []
    with tempfile.TemporaryDirectory() as scratch:
        for kind in KINDS:
            cases, counts = list(cases_of(kind)), collections.Counter()
            for start in range(0, len(cases), AT_A_TIME):
                for name, fate, why in check(cases[start:start + AT_A_TIME], command, scratch):
                    if fate == 'refused':
                        known = NOT_IN_THE_BINDING.search(why)
                        fate = f'refused: {known.group().strip("(")}' if known else 'refused'
                        if not known:
                            bad.append((name, why))
                    elif fate != 'served':
                        bad.append((name, f'{fate}: {why}'))
                    counts[fate] += 1
            print(f'{kind}: the runtime answers {len(cases)}: ' + ', '.join(f'{fate} {n}' for fate, n in counts.most_common()), flush=True)
            if kind == 'node' and counts['served'] < LEAST_NODES * len(cases):
                bad.append((kind, f'{counts["served"]} of {len(cases)} are served'))
    for name, why in bad:
        print(f'{name}: {why}')
    return 1 if bad else 0


sys.exit(main(sys.argv[1:]))
