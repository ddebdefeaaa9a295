"""The tables in which a plan is handed to the kernels: what stands in which column.

``field``: one row of integers for the whole call. ``axes``: one row of integers an axis.
``spacings``: one row of numbers an axis, in the precision that the derivatives are computed in: the
coefficients of its stencils, whose columns are those of the scheme.
``dimensions``: one row of integers a dimension, in the order of the results in memory, where
samples or results are not contiguous.
"""

# field
SAMPLES = 0  # address of the first element of the memory that holds the samples
SAMPLES_SPAN = 1  # elements in that memory
SAMPLES_ORIGIN = 2  # where in it the sample of the first result lies
GATHERED = 3  # whether the samples lie in another order than the results
SIZE = 4  # results an axis
BLOCK = 5  # results a block
STREAMED = 6  # whether results are stored past the cache
MARCH = 7  # the row of the axis down which blocks follow each other; -1: they follow memory
AXES = 8  # address of the table of axes
SPACINGS = 9  # address of the table of spacings
AXIS_COUNT = 10
DIMENSIONS = 11  # address of the table of dimensions
DIMENSION_COUNT = 12
FIELD_COLUMNS = 13

# axes
LENGTH = 0  # points
STRIDE = 1  # distance of neighbours among the results
UNIFORM = 2
COORDINATES = 3  # address of the coordinates, if not uniform
WEIGHTS = 4  # address of the interior's weights, all a, all b, all c; 0: computed block by block
RESULT = 5  # address of the memory that holds the result
RESULT_SPAN = 6
RESULT_ORIGIN = 7
SCATTERED = 8  # whether this result lies in another order than the flat one
AXIS_COLUMNS = 9

# dimensions
DIMENSION_LENGTH = 0
SAMPLES_STEP = 1
RESULT_STEP = 2  # and one more column for each further axis
