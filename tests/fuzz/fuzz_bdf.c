/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/bdf.h"

#include <stdio.h>

#include "fuzz.h"

/* The grammar again, as scanf reads it: what is behind the numbers is what was written.
 */
static bool is_address(const char *text)
{
	unsigned domain = 0, bus, device, function;
	int end = -1;

	if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text) || strlen(text) > 16)
		return false;
	if (sscanf(text, "%8x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) !=
		    4 ||
	    text[end])
		end = -1;
	if (end < 0 &&
	    (sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3 ||
	     text[end]))
		return false;
	return device < 32 && function < 8;
}

int fuzz_bdf(const uint8_t *data, size_t size)
{
	_cleanup_(freep) char *text = fuzz_string(data, size);
	struct bdf bdf = { 0, 0, 0, 0 }, again, other;
	char name[BDF_SIZE], expected[64];

	must_hold(bdf_parse(text, &bdf) == is_address(text));
	if (!is_address(text))
		return 0;
	must_hold(bdf.device < 32 && bdf.function < 8);
	must_hold(bdf_format(&bdf, name) == name && strlen(name) < BDF_SIZE);
	(void)snprintf(expected, sizeof(expected), "%04x:%02x:%02x.%x", bdf.domain,
		       bdf.bus, bdf.device, bdf.function);
	must_hold(!strcmp(name, expected));
	must_hold(bdf_parse(name, &again) && bdf_equal(&bdf, &again));
	must_hold(bdf_number(&bdf) >> 48 == 0);
	other = bdf;
	other.function ^= 1;
	must_hold((bdf_compare(&bdf, &other) < 0) ==
		  (bdf_number(&bdf) < bdf_number(&other)));
	must_hold(bdf_compare(&bdf, &other) == -bdf_compare(&other, &bdf));
	return 0;
}
