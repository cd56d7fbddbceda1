"""A step of your own as a function of what it works on, so that it can be compiled, too: a small network."""


def test_dense_network(accel):
    import tensorflow as tf

    images = tf.random.stateless_normal((256, 784), (0, 0))
    labels = tf.random.stateless_uniform((256,), (0, 1), maxval=10, dtype=tf.int32)
    weights = tf.random.stateless_normal((784, 512), (0, 2)) * 0.03, tf.zeros((512, 10))

    @tf.function
    def step(weights, images, labels):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            hidden, output = weights
            logits = tf.nn.relu(images @ hidden) @ output
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, weights)
        return tuple(w - 0.01 * g for w, g in zip(weights, gradients, strict=True)), loss

    result = accel.measure(step, state=weights, batch=(images, labels), examples_per_step=256)

    assert result.loss < 2.5
