package record

import "sync"

// completer runs jobs beside the session, one after the other in the order in
// which they were added. Its zero value is ready.
type completer struct {
	mu   sync.Mutex
	jobs []func() error
	busy bool
	idle sync.Cond // jobs are done; its lock is mu
	err  error     // the first
}

// mostJobs may wait for their turn; add waits where there are more, since each
// holds a file open.
const mostJobs = 16

// add takes a job. It returns the error of an earlier one.
func (c *completer) add(job func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.L = &c.mu
	for len(c.jobs) >= mostJobs {
		c.idle.Wait()
	}
	c.jobs = append(c.jobs, job)
	if !c.busy {
		c.busy = true
		go c.run()
	}
	return c.err
}

func (c *completer) run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.jobs) > 0 {
		job := c.jobs[0]
		c.mu.Unlock()
		err := job()
		c.mu.Lock()
		c.jobs = c.jobs[1:]
		if c.err == nil {
			c.err = err
		}
		c.idle.Broadcast()
	}
	c.busy = false
	c.idle.Broadcast()
}

// wait waits until all jobs are done, and returns the first error.
func (c *completer) wait() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.L = &c.mu
	for c.busy {
		c.idle.Wait()
	}
	return c.err
}
