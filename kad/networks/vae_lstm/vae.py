"""Encoder and decoder of the VAE, as functional Keras models."""

from typing import Any, Literal

import keras
from keras import layers

from kad.graph.lowering import RecurrentWeights, lowering
from kad.networks.vae_lstm.conv_plan import ConvPlan
from kad.networks.vae_lstm.window_conv import SymmetricPad1D, WindowConv1D


def vae_encoder(plan: ConvPlan, *, channels: int, code_size: int) -> keras.Model:
    """Builds the encoder.

    Args:
        plan: Shapes from `conv_plan`.
        channels: Channels of a window.
        code_size: Size of an embedding.

    Returns:
        A model from windows `(batch, l_win, channels)` to the mean and the standard deviation of
        their embeddings, both `(batch, code_size)`.

    Reference: S. Lin et al. (2020). A 2-D convolution whose kernel is as wide as the image has
    channels is a 1-D convolution over time with the channels as features.
    """
    # Layers
    leaky = "leaky_relu"
    convs = [
        WindowConv1D(filters, 3, strides=stride, activation=leaky, name=f"conv_{i}")
        for i, (filters, stride) in enumerate(
            zip(plan.encoder_filters, plan.strides, strict=False), start=1
        )
    ]
    span = WindowConv1D(
        plan.encoder_filters[3],
        plan.last_encoder_kernel,
        padding="valid",
        activation=leaky,
        name="conv_4",
    )
    hidden = layers.Dense(4 * code_size, activation=leaky, name="hidden")
    mean = layers.Dense(code_size, name="mean")
    deviation = layers.Dense(code_size, activation="relu", name="deviation")

    # Functional model
    windows = keras.Input((plan.l_win, channels), name="windows")
    x = SymmetricPad1D(plan.pad, name="pad")(windows) if plan.pad else windows
    for conv in convs:
        x = conv(x)
    x = layers.Flatten(name="flatten")(span(x))
    x = hidden(x)
    return keras.Model(windows, [mean(x), deviation(x) + 0.01], name="encoder")


def vae_decoder(plan: ConvPlan, *, channels: int, code_size: int) -> keras.Model:
    """Builds the decoder.

    Args:
        plan: Shapes from `conv_plan`.
        channels: Channels of a window.
        code_size: Size of an embedding.

    Returns:
        A model from embeddings `(batch, code_size)` to windows `(batch, l_win, channels)`.

    Reference: S. Lin et al. (2020).
    """
    # Layers
    leaky = "leaky_relu"
    shapes = list(zip(plan.lengths, plan.decoder_filters, strict=True))
    hidden = layers.Dense(plan.encoder_filters[3], activation=leaky, name="hidden")
    unfold = layers.Dense(shapes[0][0] * shapes[0][1], activation=leaky, name="unfold")
    convs = [
        WindowConv1D(filters, 3, activation=leaky, name=f"conv_{i}")
        for i, (_, filters) in enumerate(shapes[:3], start=1)
    ]
    last = WindowConv1D(
        channels, plan.last_decoder_kernel, padding=plan.last_decoder_padding, name="conv_4"
    )

    # Functional model
    codes = keras.Input((code_size,), name="codes")
    x = layers.Reshape(shapes[0], name="reshape_1")(unfold(hidden(codes)))
    for i, (conv, shape) in enumerate(zip(convs, shapes[1:], strict=True), start=2):
        x = layers.Reshape(shape, name=f"reshape_{i}")(conv(x))
    x = last(x)
    surplus = x.shape[1] - plan.l_win
    if surplus:
        x = layers.Cropping1D((surplus // 2, surplus - surplus // 2), name="crop")(x)
    return keras.Model(codes, x, name="decoder")


Head = Literal["dense", "lstm"]


@keras.saving.register_keras_serializable("kad")
class LSTM(layers.LSTM):
    """Keras' LSTM over whole sequences, from states of zeros, which an exporter may lower."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **{**kwargs, "return_sequences": True})

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None
    ) -> Any:
        """Returns the output of every step, `(batch, steps, units)`."""
        exporter = lowering()
        if exporter is not None:
            cell = self.cell
            weights = RecurrentWeights(
                "lstm", "tanh", cell.kernel, cell.recurrent_kernel, cell.bias
            )
            return exporter.recurrent(weights, sequences, (), every=False).output
        return super().call(sequences, initial_state, mask, training)


def embedding_lstm(*, l_seq: int, code_size: int, units: int, head: Head = "dense") -> keras.Model:
    """Builds the LSTM that predicts embeddings.

    Args:
        l_seq: Windows of a sequence.
        code_size: Size of an embedding.
        units: Units of each of the two LSTM layers.
        head: The last layer: `dense`, or the paper's LSTM with linear activation.

    Returns:
        A model from embeddings 1 to l_seq − 1 to predictions of embeddings 2 to l_seq, both
        `(batch, l_seq - 1, code_size)`.

    Reference: S. Lin et al. (2020), whose third layer is an LSTM with linear activation. ONNX
    Runtime has none without a Loop, so that it is unrolled here; a Dense layer is cheaper.
    """
    # Layers
    first = LSTM(units, name="lstm_1")
    second = LSTM(units, name="lstm_2")
    last = {
        "dense": lambda: layers.Dense(code_size, name="head"),
        "lstm": lambda: layers.LSTM(
            code_size, activation=None, return_sequences=True, unroll=True, name="head"
        ),
    }[head]()

    # Functional model
    codes = keras.Input((l_seq - 1, code_size), name="codes")
    return keras.Model(codes, last(second(first(codes))), name="lstm")


def newest_predictions(lstm: keras.Model, codes: Any, number: int) -> Any:
    """Returns the newest predictions of `embedding_lstm`, without a dense head's others.

    Args:
        lstm: From `embedding_lstm`.
        codes: `(batch, l_seq - 1, code_size)`.
        number: How many.

    Returns:
        `(batch, number, code_size)`.
    """
    *recurrent, head = lstm.layers[1:]
    if not isinstance(head, layers.Dense):
        return lstm(codes)[:, -number:]
    for layer in recurrent:
        codes = layer(codes)
    newest = codes[:, -number:]
    flat = head(keras.ops.reshape(newest, (-1, newest.shape[-1])))
    return keras.ops.reshape(flat, (-1, number, flat.shape[-1]))
