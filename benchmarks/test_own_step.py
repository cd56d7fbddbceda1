"""A step of your own: anything callable, here a small network in TensorFlow."""


def test_dense_network(accel):
    import tensorflow as tf

    images = tf.random.normal((256, 784))
    labels = tf.random.uniform((256,), maxval=10, dtype=tf.int32)
    hidden = tf.Variable(tf.random.normal((784, 512)) * 0.03)
    output = tf.Variable(tf.zeros((512, 10)))

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = tf.nn.relu(images @ hidden) @ output
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        for variable, gradient in zip((hidden, output), tape.gradient(loss, (hidden, output)), strict=True):
            variable.assign_sub(0.01 * gradient)
        return loss

    result = accel.measure(step, examples_per_step=256)

    assert result.loss < 2.5
