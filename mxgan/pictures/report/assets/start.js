// Starts every part of the page; the last script.
"use strict";

mxgan.start();
