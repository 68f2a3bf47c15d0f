"""What runs inside the model server's own environment, not the gateway's: training and serving.

Nothing here is imported by the gateway. The files are copied or run by `gateway.demo.model`
with the python of the model server's virtual environment, where scikit-learn lives.
"""
