"""Arithmetic units: layers that add, subtract, multiply and divide their inputs. ``extrapolate.nn`` exports them."""
