"""Pure: methods of forecasting and their choice, the range, pooling, and what stock follows from a forecast."""
