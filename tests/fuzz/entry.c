/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes a fuzzer of one target: -DFUZZ_TARGET=fuzz_NAME, -fsanitize=fuzzer. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return FUZZ_TARGET(data, size);
}
