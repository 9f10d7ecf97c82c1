#!/usr/bin/python3
"""Writes the small ONNX models of the C ABI's tests into the folder given."""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def value(name, dtype, dims):
    return helper.make_tensor_value_info(name, dtype, dims)


def save(name, nodes, inputs, outputs, initializers=(), opset=13):
    graph = helper.make_graph(list(nodes), name, inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset), helper.make_opsetid('custom', 2)])
    model.ir_version = 8
    (folder / f'{name}.onnx').write_bytes(model.SerializeToString())
    return model


FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING

# sum = x + y and product = x * y of [batch, 3].
save('two', [helper.make_node('Add', ['x', 'y'], ['sum'], name='add'),
             helper.make_node('Mul', ['x', 'y'], ['product'], name='mul')],
     [value('x', FLOAT, ['batch', 3]), value('y', FLOAT, ['batch', 3])],
     [value('sum', FLOAT, ['batch', 3]), value('product', FLOAT, ['batch', 3])])

# The mean of each channel of an 8 x 8 image: [N, 3].
save('image', [helper.make_node('GlobalAveragePool', ['image'], ['pooled'], name='pool'),
               helper.make_node('Flatten', ['pooled'], ['scores'], name='flatten')],
     [value('image', FLOAT, ['N', 3, 8, 8])], [value('scores', FLOAT, ['N', 3])])

# The data [count] in the dims of the second input: only running tells them, and a run may fail in a node.
save('reshape', [helper.make_node('Reshape', ['data', 'shape'], ['reshaped'], name='the_reshape'),
                 helper.make_node('Exp', ['reshaped'], ['power'], name='exp'),
                 helper.make_node('Log', ['power'], ['out'], name='log')],
     [value('data', FLOAT, ['count']), value('shape', INT64, [2])], [value('out', FLOAT, ['a', 'b'])])

save('strings', [helper.make_node('Identity', ['in'], ['out'], name='copy')],
     [value('in', STRING, ['n'])], [value('out', STRING, ['n'])])

# An element of a sequence.
save('sequence', [helper.make_node('SequenceAt', ['sequence', 'place'], ['element'], name='at')],
     [helper.make_tensor_sequence_value_info('sequence', FLOAT, ['n']), value('place', INT64, [])],
     [value('element', FLOAT, ['n'])])

# Sequences and an optional, in and out: all that came, one element more, and whether there was one.
sequence = helper.make_sequence_type_proto(helper.make_tensor_type_proto(FLOAT, ['n']))
optional = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, ['m']))
save('values', [helper.make_node('Identity', ['sequence'], ['same'], name='same'),
                helper.make_node('SequenceInsert', ['sequence', 'x'], ['longer'], name='insert'),
                helper.make_node('Identity', ['optional'], ['maybe'], name='maybe'),
                helper.make_node('OptionalHasElement', ['optional'], ['has'], name='has')],
     [helper.make_value_info('sequence', sequence), value('x', FLOAT, ['n']), helper.make_value_info('optional', optional)],
     [helper.make_value_info('same', sequence), helper.make_value_info('longer', sequence),
      helper.make_value_info('maybe', optional), value('has', TensorProto.BOOL, [])], opset=17)

# What the tools have something to do with: an Identity, constants to fold, and one that float16 cannot hold.
save('tools', [helper.make_node('Add', ['one', 'two'], ['three'], name='fold'),
               helper.make_node('Identity', ['x'], ['y'], name='idle'),
               helper.make_node('Mul', ['y', 'three'], ['z'], name='scale'),
               helper.make_node('Min', ['z', 'large'], ['out'], name='limit')],
     [value('x', FLOAT, ['n', 2])], [value('out', FLOAT, ['n', 2])],
     [numpy_helper.from_array(np.array([1, 2], np.float32), 'one'), numpy_helper.from_array(np.array([2, 1], np.float32), 'two'),
      numpy_helper.from_array(np.array([1e6, 1e-9], np.float32), 'large')])

# Outputs that are the input, and a constant.
save('pass', [helper.make_node('Identity', ['x'], ['copy'], name='copy'),
              helper.make_node('Identity', ['c'], ['constant'], name='constant'),
              helper.make_node('Identity', ['x'], ['again'], name='again')],
     [value('x', FLOAT, ['n'])],
     [value('copy', FLOAT, ['n']), value('constant', FLOAT, [2]), value('again', FLOAT, ['n'])],
     [numpy_helper.from_array(np.array([7, 8], dtype=np.float32), 'c')])

# Every element type of the host languages, each as it comes.
kinds = ['FLOAT', 'DOUBLE', 'FLOAT16', 'INT8', 'INT16', 'INT32', 'INT64', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'BOOL']
save('types', [helper.make_node('Identity', [kind.lower()], [f'{kind.lower()}_out'], name=kind.lower()) for kind in kinds],
     [value(kind.lower(), getattr(TensorProto, kind), ['n']) for kind in kinds],
     [value(f'{kind.lower()}_out', getattr(TensorProto, kind), ['n']) for kind in kinds])

# Many short nodes, to be cancelled before the last: a quarter of a second of work for the batch that the tests give.
size, last = 384, 400
save('slow', [helper.make_node('MatMul', [f'v{i}', 'w'], [f'v{i + 1}'], name=f'matmul_{i}') for i in range(last)],
     [value('v0', FLOAT, ['n', size])], [value(f'v{last}', FLOAT, ['n', size])],
     [numpy_helper.from_array(np.eye(size, dtype=np.float32), 'w')])

# One float of weights in a file beside the model.
weight = numpy_helper.from_array(np.array([2.5], dtype=np.float32), 'w')
model = save('external', [helper.make_node('Mul', ['x', 'w'], ['y'], name='scale')],
             [value('x', FLOAT, [1])], [value('y', FLOAT, [1])], [weight])
stored = model.graph.initializer[0]
(folder / 'external.bin').write_bytes(stored.raw_data)
stored.ClearField('raw_data')
stored.data_location = TensorProto.EXTERNAL
entry = stored.external_data.add()
entry.key, entry.value = 'location', 'external.bin'
(folder / 'external.onnx').write_bytes(model.SerializeToString())

save('unknown', [helper.make_node('NoSuchOperator', ['x'], ['y'], name='first_unknown'),
                 helper.make_node('NorThisOne', ['y'], ['z'], name='second_unknown')],
     [value('x', FLOAT, [1])], [value('z', FLOAT, [1])])

# An operator that the tests bring along, with attributes of every kind.
save('custom', [helper.make_node('Probe', ['x', '', 's'], ['y', '', 't'], name='the_probe', domain='custom', f=1.5, i=7,
                                 text='some text', fs=[1.0, 2.0], ints=[3, 4, 5], texts=['a', 'bc'],
                                 tensor=numpy_helper.from_array(np.array([[8, 9]], dtype=np.int64)))],
     [value('x', FLOAT, ['n', 'm']), value('s', STRING, [2])], [value('y', FLOAT, None), value('t', STRING, [2])])

# A loop that ends in some thousand years, of constants alone: folding it never ends.
body = helper.make_graph([helper.make_node('Identity', ['go'], ['go_on']), helper.make_node('Add', ['v', 'v'], ['next'])],
                         'body', [value('i', INT64, []), value('go', TensorProto.BOOL, []), value('v', FLOAT, [1])],
                         [value('go_on', TensorProto.BOOL, []), value('next', FLOAT, [1])])
endless = [numpy_helper.from_array(np.array(2**40), 'trips'), numpy_helper.from_array(np.ones(1, np.float32), 'start')]
save('endless_load', [helper.make_node('Loop', ['trips', '', 'start'], ['folded'], name='the_loop', body=body),
                      helper.make_node('Add', ['x', 'folded'], ['y'])],
     [value('x', FLOAT, [1])], [value('y', FLOAT, [1])], endless)

# The same while running.
save('endless_run', [helper.make_node('Loop', ['n', '', 'x'], ['y'], name='the_loop', body=body)],
     [value('n', INT64, []), value('x', FLOAT, [1])], [value('y', FLOAT, [1])])
