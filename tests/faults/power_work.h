/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "power_log.h"
#include "store/store.h"

/* What a store held after one transaction, told by sums. */
struct power_model {
	uint64_t tables; /* all rows of all tables */
	uint64_t loaded; /* what store_load() makes of them */
};

/* Transaction N of the work leaves models[N]; models[0] is no store at all. */
struct power_models {
	struct power_model *models;
	unsigned n;
};

/* What STORE holds; false, with a sentence in WHY, where it cannot be read, is damaged or
 * makes no sense. */
bool power_model_read(struct store *store, struct power_model *ret, char *why,
		      size_t size);

/* Makes a store at PLACE and does to it all that the commands do, marking in LOG from
 * when each transaction may and must be there. Ends the program where anything fails. */
struct power_models power_work(const struct store_place *place, struct power_log *log);
